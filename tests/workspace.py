"""A small folder with everything that the pipeline reads, and its stages as real processes.

The clips are synthetic and the backbone's weights are random: neither data nor network is
needed. Stages start in a fraction of a second, forked from a process that has imported what
they need.
"""

import hashlib
import itertools
import multiprocessing
import os
import re
import shutil
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from safetensors.torch import save_file

import stages.__main__
from tests.synthetic import write_dataset
from tests.trained import lively_backbone

ROOT = Path(__file__).resolve().parent.parent
# Test fold 1 alone; in the order in which DVC would run them.
PIPELINE = (
    ("prepare",),
    ("splits",),
    ("features", "spec_cnn"),
    ("trunk", "yamnet"),
    ("train", "spec_cnn", "1"),
    ("finetune", "yamnet", "1"),
    ("predict", "spec_cnn", "1"),
    ("predict", "yamnet", "1"),
    ("ensemble",),
)


def small_params(**loop: Any) -> dict[str, Any]:
    """The project's own params.yaml, shrunk; `loop` changes both trainings' settings."""
    params: dict[str, Any] = YAML(typ="safe").load((ROOT / "params.yaml").read_text("utf-8"))
    params["folds"] = [1]
    params["members"] = ["spec_cnn", "yamnet"]
    params["model"] |= {"networks": ["spec_cnn"], "backbones": ["yamnet"], "unfreeze_last_n": 1}
    params["runtime"] |= {"device": "cpu", "precision": "float32", "threads": 1}
    params["prepare"]["seconds"] = 1.0
    params["splits"]["validation_fraction"] = 0.25
    params["trunk"]["views"] = 2
    net, tuning = params["train"]["spec_cnn"], params["finetune"]["yamnet"]
    net["net"] |= {"widths": [4, 8]}
    for block in (net, tuning):
        block["loop"] |= {"epochs": 2, "batch_size": 8} | loop
    params["predict"]["tta_shifts_seconds"] = [0.0, 0.1]
    return params


def write_workspace(root: Path, params: dict[str, Any], *, clips_per_fold_class: int) -> None:
    """Write params.yaml, a data set of three folds and three classes, and a backbone's weights."""
    YAML().dump(params, root / "params.yaml")
    write_dataset(
        root / params["data"]["root"], clips_per_fold_class=clips_per_fold_class, seconds=1.2
    )
    weights = root / "models" / "pretrained" / "yamnet.safetensors"
    weights.parent.mkdir(parents=True)
    state = lively_backbone().state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, weights)


def outputs(stage: tuple[str, ...]) -> list[Path]:
    """What dvc.yaml says that a stage writes."""
    entry = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"][stage[0]]
    items = dict(zip(entry.get("matrix", {}), stage[1:], strict=True))
    return [
        Path(re.sub(r"\$\{item\.(\w+)\}", lambda hole: items[hole[1]], out))
        for out in entry["outs"]
    ]


def digests(root: Path, stage: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of every file that a stage has written."""
    paths = (path for out in outputs(stage) for path in ([root / out, *(root / out).rglob("*")]))
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and ".partial" not in path.name
    }


def remove_outputs(root: Path, stage: tuple[str, ...]) -> None:
    """As DVC does before it runs a stage."""
    for path in outputs(stage):
        if (root / path).is_dir():
            shutil.rmtree(root / path)
        (root / path).unlink(missing_ok=True)


def start(root: Path, stage: tuple[str, ...], dies_at_rename: int = 0) -> ForkServerProcess:
    """Start a stage in a process of its own, which may kill itself before its n-th rename.

    Renaming is the moment at which files appear: see `earwitness.store.atomic`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.preload"])
    process = context.Process(target=_work, args=(root, stage, dies_at_rename))
    process.start()
    return process


def _work(root: Path, stage: tuple[str, ...], dies_at_rename: int) -> None:
    os.chdir(root)
    renames = itertools.count(1)

    def watch(event: str, _: object) -> None:
        if event == "os.rename" and next(renames) == dies_at_rename:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    stages.__main__.main(list(stage))
