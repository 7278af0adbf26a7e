"""The pipeline with one stage and with two at a time, beside ``dvc repro``."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.audio import DEMO, REPOSITORY
from benchmarks.rates import Bench
from benchmarks.rows import Row, Wanted
from earwitness.backbones.obtain import write_weights
from earwitness.backbones.registry import get_record
from earwitness.backbones.weights import build_backbone
from earwitness.repro.commands import environment
from earwitness.repro.lockfile import read_entries
from profiles.workspace import Workspace

BACKBONE = "yamnet"
EPOCHS = {"train": {"spec_cnn": 6}, "finetune": {BACKBONE: 10}}
CLIPS, TRAINED, FOLDS = 100, 64, 5  # of the demo; those of a fold that are trained on
DVC, ONE, TWO = "dvc repro", "-j 1", "-j 2"
COMMANDS = {
    DVC: ("dvc", "repro"),
    ONE: ("earwitness", "repro", "-j", "1"),
    TWO: ("earwitness", "repro", "-j", "2"),
}
NOTE = """\
**training stages**: `dvc repro train finetune` on the 100 clips of the demo, five folds of `spec_cnn`
and of a YAMNet with random weights, after what they need has run; beside it the same by
`python -m earwitness repro -j 2` (and `-j 1`). Every stage has one thread. The remark says whether all
outputs have the same hashes in dvc.lock. **whole pipeline**: that, with all stages before and after
it. Epochs are few, so that starting a stage weighs more than in a real run. The rate is of examples
trained on, and of clips that the pipeline was given."""


@dataclass(frozen=True)
class Steps:
    """Targets of a run, in three calls, so that training has a time of its own.

    Attributes
    ----------
    before, timed, after : tuple of str or None
        Targets of each call; none are the whole pipeline, None is no call.
    """

    before: tuple[str, ...]
    timed: tuple[str, ...]
    after: tuple[str, ...] | None


FULL = Steps(("splits", "features", "trunk"), ("train", "finetune"), ())
QUICK = Steps(("fetch",), ("prepare", "splits"), None)


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


def measure(template: Path, command: Sequence[str], steps: Steps) -> tuple[float, float, Any]:
    """Run the pipeline in a copy of a workspace.

    Parameters
    ----------
    template : Path
        The workspace.
    command : sequence of str
        That reproduces targets.
    steps : Steps
        The targets.

    Returns
    -------
    timed, whole : float
        Seconds of the training stages, and of all.
    outputs : dict
        What dvc.lock says of each stage's outputs.
    """
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        root = Path(folder, "copy")
        shutil.copytree(template, root, symlinks=True)
        whole = run(root, *command, *steps.before)
        timed = run(root, *command, *steps.timed)
        whole += timed
        if steps.after is not None:
            whole += run(root, *command, *steps.after)
        return timed, whole, outputs(read_entries(root))


def outputs(entries: Mapping[str, Any]) -> dict[str, str]:
    """Take the hashes of outputs from dvc.lock.

    Parameters
    ----------
    entries : mapping of str to mapping
        By stage.

    Returns
    -------
    dict of str to str
        By path.
    """
    return {out["path"]: out["md5"] for entry in entries.values() for out in entry.get("outs", ())}


def rows(bench: Bench) -> list[Row]:
    """Run the pipeline in three ways.

    Parameters
    ----------
    bench : Bench
        The machine.

    Returns
    -------
    list of Row
        Training stages, and the whole.
    """
    steps = QUICK if bench.quick else FULL
    with tempfile.TemporaryDirectory(prefix="earwitness-bench-") as folder:
        template = Path(folder, "template")
        make_workspace(template)
        found = {name: measure(template, command, steps) for name, command in COMMANDS.items()}
    return table({name: run[:2] for name, run in found.items()}, same(found[ONE][2], found[TWO][2]))


def same(left: Mapping[str, str], right: Mapping[str, str]) -> str:
    """Compare the hashes of outputs, for a person.

    Parameters
    ----------
    left, right : mapping of str to str
        From `outputs`.

    Returns
    -------
    str
        Whether all are the same, and if not, of which files.
    """
    different = sorted(path for path in left | right if left.get(path) != right.get(path))
    if not different:
        return f"same hashes of {len(left)} outputs as -j 1: yes"
    return f"same hashes as -j 1: **no** ({', '.join(different)})"


def table(seconds: Mapping[str, tuple[float, float]], hashes: str) -> list[Row]:
    """Set the times as rows.

    Parameters
    ----------
    seconds : mapping of str to (float, float)
        Of the training stages and of the whole, by command.
    hashes : str
        What to remark on the outputs.

    Returns
    -------
    list of Row
        Two.
    """
    examples = FOLDS * TRAINED * sum(sum(of.values()) for of in EPOCHS.values())
    kinds = (("training stages", examples, Wanted(1.5, "ratio")), ("whole pipeline", CLIPS, None))
    return [
        Row(
            f"{name}, {TWO}",
            clips / seconds[TWO][place],
            2,
            rival,
            clips / seconds[rival][place],
            wanted=wanted if rival == DVC else None,
            remark=f"{seconds[TWO][place]:.0f} s and {seconds[rival][place]:.0f} s; {hashes}",
        )
        for place, (name, clips, wanted) in enumerate(kinds)
        for rival in (DVC, ONE)
    ]
