"""The pipeline with one stage and with two at a time, beside ``dvc repro``."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.floor import BACKWARD, precision
from benchmarks.parts.backbones import flops as backbone_flops
from benchmarks.parts.epoch import network_flops
from benchmarks.rates import Bench
from benchmarks.rows import Row, Wanted
from benchmarks.workspace import BACKBONE, EPOCHS, make_workspace, run
from earwitness.repro.lockfile import Entry, read_entries

WANTED = Wanted(1.5, "ratio")
CLIPS, TRAINED, FOLDS = 100, 64, 5  # of the demo; those of a fold that are trained on
DVC, ONE, TWO = "dvc repro", "-j 1", "-j 2"
COMMANDS = {
    DVC: ("dvc", "repro"),
    ONE: ("earwitness", "repro", "-j", "1"),
    TWO: ("earwitness", "repro", "-j", "2"),
}
NOTE = """\
**training stages**: `python -m earwitness repro -j 2 train finetune` on the 100 clips of the demo,
five folds of `spec_cnn` and of a YAMNet with random weights, once what they need has run; beside
it the same by `dvc repro`, and with `-j 1`. Every stage has one thread. The remark has the times,
and whether dvc.lock has the same hashes of all outputs of the pipeline. **whole pipeline**: that,
with all stages before and after it, in three calls. Epochs are few, so that starting a stage
weighs more than in a real run. The rates are of examples trained on, and of clips that the
pipeline was given."""


@dataclass(frozen=True)
class Steps:
    """Targets of a run, in three calls, so that training has a time of its own.

    Attributes
    ----------
    before, timed, after : tuple of str or None
        Targets of each call; none are the whole pipeline, None is no call.
    """

    before: tuple[str, ...] | None
    timed: tuple[str, ...]
    after: tuple[str, ...] | None


@dataclass(frozen=True)
class Run:
    """One run of the pipeline.

    Attributes
    ----------
    timed, whole : float
        Seconds of the training stages, and of everything that was run.
    outputs : mapping of str to str
        Hashes by path, from dvc.lock.
    """

    timed: float
    whole: float
    outputs: Mapping[str, str]


FULL = Steps(("splits", "features", "trunk"), ("train", "finetune"), ())
QUICK = Steps(None, ("fetch", "prepare"), None)


def measure(template: Path, command: Sequence[str], steps: Steps) -> Run:
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
    Run
        What it took and what came out.
    """
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        root = Path(folder, "copy")
        shutil.copytree(template, root, symlinks=True)
        before = 0.0 if steps.before is None else run(root, *command, *steps.before)
        timed = run(root, *command, *steps.timed)
        after = 0.0 if steps.after is None else run(root, *command, *steps.after)
        return Run(timed, before + timed + after, outputs(read_entries(root)))


def outputs(entries: Mapping[str, Entry]) -> dict[str, str]:
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
        runs = {
            # Whose whole is not compared: stages one at a time are what `-j 1` is for as well.
            name: measure(template, command, replace(steps, after=None) if name == DVC else steps)
            for name, command in COMMANDS.items()
        }
    return table(runs, bench.peak.limit(flops(bench.seconds), 0, precision()))


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


def flops(seconds: float) -> float:
    """Count the operations of training on an example, on average over all epochs."""
    each = {
        "train": (1 + BACKWARD) * network_flops(seconds),
        "finetune": backbone_flops(BACKBONE, seconds)["fine-tune"],
    }
    epochs = {section: sum(of.values()) for section, of in EPOCHS.items()}
    return sum(each[section] * count for section, count in epochs.items()) / sum(epochs.values())


def table(runs: Mapping[str, Run], limit: float) -> list[Row]:
    """Set the runs as rows.

    Parameters
    ----------
    runs : mapping of str to Run
        By command.
    limit : float
        Examples a second that the machine would allow in training.

    Returns
    -------
    list of Row
        The training stages beside both of the others, and the whole pipeline.
    """
    examples = FOLDS * TRAINED * sum(sum(of.values()) for of in EPOCHS.values())
    two = runs[TWO]

    def row(name: str, clips: int, ours: float, rival: str, theirs: float) -> Row:
        remark = f"{ours:.0f} s and {theirs:.0f} s"
        if rival == ONE:
            remark += f"; {same(runs[ONE].outputs, two.outputs)}"
        wanted, most = WANTED if rival == DVC else None, limit if name == trained else 0.0
        return Row(name, clips / ours, 2, rival, clips / theirs, most, wanted, remark)

    trained = f"training stages, {TWO}"
    return [
        row(trained, examples, two.timed, DVC, runs[DVC].timed),
        row(trained, examples, two.timed, ONE, runs[ONE].timed),
        row(f"whole pipeline, {TWO}", CLIPS, two.whole, ONE, runs[ONE].whole),
    ]
