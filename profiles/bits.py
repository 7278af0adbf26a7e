"""Run the pipeline twice and compare the bits: ``python -m profiles.bits [--data FOLDER]``.

The override is ``profiles/bits.yaml``: fold 1 of every network and backbone, with little training.
In a workspace of its own (``.profiles/bits/``) every stage runs twice, once with several stages
side by side and once one by one. All outputs have to be the same.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from earwitness.errors import EarwitnessError
from profiles.run import profile_params
from profiles.workspace import REPOSITORY, Workspace
from stages.document import read_document

NAME = "bits"
TARGET = "ensemble"
# Shown of a hash: as much as tells two of them apart.
DIGITS = 12

Hashes = Mapping[tuple[str, str], str]


def run_twice(workspace: Workspace, target: str, jobs: int) -> pd.DataFrame:
    """Run the stages up to a target twice, and compare what dvc.lock says of their outputs.

    Parameters
    ----------
    workspace : Workspace
        One in which nothing has run.
    target : str
        The stage; what it depends on runs as well.
    jobs : int
        Stages side by side in the first run. In the second they run one by one.

    Returns
    -------
    pd.DataFrame
        As `compare` returns it.

    Raises
    ------
    EarwitnessError
        If a run fails, or has taken a result from elsewhere.
    """
    first = _hashes_of_run(workspace, "earwitness", "repro", "-j", str(jobs), target)
    # Without --force DVC would find everything up to date or in its run cache.
    second = _hashes_of_run(workspace, "dvc", "repro", "--force", target)
    return compare(first, second)


def compare(first: Hashes, second: Hashes) -> pd.DataFrame:
    """Put the hashes of two runs side by side.

    Parameters
    ----------
    first, second : mapping of (str, str) to str
        By stage and output.

    Returns
    -------
    pd.DataFrame
        A row an output, in the order of the first run: "stage", "output", "first", "second"
        (hashes; empty for an output that a run has not) and "same".
    """
    rows = [
        (*key, first.get(key, ""), second.get(key, "")) for key in dict.fromkeys([*first, *second])
    ]
    table = pd.DataFrame(rows, columns=["stage", "output", "first", "second"])
    return table.assign(same=table["first"] == table["second"])


def render(table: pd.DataFrame) -> str:
    """Write the comparison for people to read.

    Parameters
    ----------
    table : pd.DataFrame
        As `compare` returns it.

    Returns
    -------
    str
        A line an output.
    """
    short = table.assign(
        first=table["first"].str[:DIGITS].replace("", "none"),
        second=table["second"].str[:DIGITS].replace("", "none"),
    )
    lines = [["stage", "output", "hash", ""]]
    lines += [
        [row.stage, row.output, row.first, "same" if row.same else f"DIFFERENT: {row.second}"]
        for row in short.itertuples()
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _hashes_of_run(workspace: Workspace, *command: str) -> dict[tuple[str, str], str]:
    """Run a command that runs stages; return the hashes of their outputs by stage and path."""
    log = workspace.root / "logs" / "stages.csv"
    log.unlink(missing_ok=True)
    workspace.run(*command)
    lock = YAML(typ="safe").load((workspace.root / "dvc.lock").read_text(encoding="utf-8"))
    stages: dict[str, Any] = lock["stages"]
    ran = set(pd.read_csv(log)["stage"]) if log.is_file() else set()
    if idle := [stage for stage in stages if stage not in ran]:
        raise EarwitnessError(f"{', '.join(idle)} did not run: there is nothing to compare")
    return {
        (stage, output["path"]): output["md5"]
        for stage, entry in stages.items()
        for output in entry.get("outs", ())
    }


def make_workspace(data: Path | None) -> Workspace:
    """Make an empty workspace with the override's parameters and a data set.

    Parameters
    ----------
    data : Path, optional
        Folder of the data set; default: where ``EARWITNESS_DATA`` or ``data.root`` say.

    Returns
    -------
    Workspace
        Without results: what a run before has left is removed.

    Raises
    ------
    EarwitnessError
        If there is no such folder.
    """
    params = profile_params(NAME)
    root = Path(read_document(REPOSITORY / "params.yaml")["data"]["root"])
    given = os.environ.pop("EARWITNESS_DATA", "")  # the link below says it already
    source = (data or Path(given or REPOSITORY / root)).expanduser().resolve()
    if not source.is_dir():
        raise EarwitnessError(f"there is no folder {source}: make bits DATA=/path/to/ESC-50")
    workspace = Workspace(Path(".profiles", NAME), params, empty=True)
    # Not at data.root of params.yaml, which may be outside the workspace.
    link = workspace.root / read_document(workspace.root / "params.yaml")["data"]["root"]
    link.parent.mkdir(parents=True)
    link.symlink_to(source, target_is_directory=True)
    return workspace


def main(arguments: list[str] | None = None) -> int:
    """Run everything twice and print the comparison.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        0, 1 if an output differs, or 2 after a mistake or a failure that was told.
    """
    parser = argparse.ArgumentParser(
        prog="python -m profiles.bits",
        description="Run fold 1 of every default member twice, with little training "
        "(profiles/bits.yaml), in .profiles/bits/, and compare the hashes of all outputs. Ends "
        "with 1 if any differs. `make bits DATA=/path/to/ESC-50` calls this.",
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="the data set")
    parser.add_argument(
        "-j", "--jobs", type=int, default=2, metavar="N", help="stages at a time in the first run"
    )
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        workspace = make_workspace(options.data)
        table = run_twice(workspace, TARGET, options.jobs)
    except EarwitnessError as mistake:
        print(f"bits: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return _report(table, workspace, options.jobs, (time.monotonic() - began) / 60)


def _report(table: pd.DataFrame, workspace: Workspace, jobs: int, minutes: float) -> int:
    runs = f"a run of {jobs} stages at a time and one of a stage at a time ({minutes:.1f} minutes)"
    print(f"\n{render(table)}\n")
    if table["same"].all():
        print(f"All {len(table)} outputs are the same in {runs}.")
        shutil.rmtree(workspace.root)  # gigabytes that nobody needs
        return 0
    different = (~table["same"]).sum()
    print(f"{different} of {len(table)} outputs differ between {runs}: see {workspace.root}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
