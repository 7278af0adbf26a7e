"""A copy of the repository with the demo's clips, to time the pipeline in."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.audio import DEMO, REPOSITORY
from earwitness.backbones.obtain import write_weights
from earwitness.backbones.registry import get_record
from earwitness.backbones.weights import build_backbone
from earwitness.repro.commands import environment
from profiles.workspace import Workspace

BACKBONE = "yamnet"
# By section of params.yaml. A stage should work longer than it takes to start.
EPOCHS = {"train": {"spec_cnn": 3}, "finetune": {BACKBONE: 4}}


def bench_params(demo: Mapping[str, Any]) -> dict[str, Any]:
    """Shorten the training of the demo's parameters.

    Parameters
    ----------
    demo : mapping
        Content of demo/params.yaml.

    Returns
    -------
    dict
        Content of a params.yaml.
    """
    params = json.loads(json.dumps(demo))
    for section, members in EPOCHS.items():
        for member, epochs in members.items():
            params[section][member]["loop"]["epochs"] = epochs
    params["runtime"] |= {"device": "cpu", "threads": 1}
    return dict(params)


def run(root: Path, *arguments: str) -> float:
    """Run ``python -m <arguments>`` in a workspace.

    Parameters
    ----------
    root : Path
        The workspace.
    *arguments : str
        The command.

    Returns
    -------
    float
        Seconds.
    """
    variables = environment() | {"DVC_NO_ANALYTICS": "1"}
    for name in ("PYTHONPATH", "EARWITNESS_DATA"):  # they would lead away from the workspace
        variables.pop(name, None)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=root,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"`python -m {' '.join(arguments)}` failed:\n{done.stdout[-3000:]}")
    return seconds


def write_backbone(path: Path) -> None:
    """Write a backbone's random weights as stage ``weights`` would."""
    import torch

    torch.manual_seed(0)
    write_weights(get_record(BACKBONE), build_backbone(BACKBONE).state_dict(), None, path)


def make_workspace(folder: Path) -> None:
    """Make a copy of the repository with the demo's clips, where nothing but weights is there."""
    demo = YAML(typ="safe").load((REPOSITORY / "demo" / "params.yaml").read_text(encoding="utf-8"))
    Workspace(folder, json.dumps(bench_params(demo)))  # JSON is YAML
    shutil.copytree(DEMO, folder / DEMO.relative_to(REPOSITORY))
    weights = folder / "models" / "pretrained" / f"{BACKBONE}.safetensors"
    weights.parent.mkdir(parents=True)
    writer = get_context("spawn").Process(target=write_backbone, args=(weights,))
    writer.start()
    writer.join()
    run(folder, "dvc", "commit", "--force", f"weights@{BACKBONE}")
