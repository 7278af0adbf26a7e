"""Print the metrics table of the last evaluation, or bring the documents up to date with it.

python -m stages.show [FOLDER]       the table, and where the results in that workspace are
python -m stages.show --documents    write the results into README.md, MODEL_CARD.md anew, and
                                     docs/frontier.png
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness.errors import EarwitnessError
from earwitness.evaluation.compute import compute_table
from earwitness.evaluation.frontier import format_frontier, frontier_table
from earwitness.evaluation.model_card import render_model_card
from earwitness.evaluation.report import (
    NOT_A_MEMBER,
    format_table,
    replace_between,
    replace_results,
)
from earwitness.plots.frontier import plot_frontier
from earwitness.store.atomic import write_csv, write_text

README, MODEL_CARD = Path("README.md"), Path("MODEL_CARD.md")
TIMINGS, COMPUTE = Path("logs/stages.csv"), Path("metrics/compute.csv")
ENVIRONMENT = Path("metrics/environment.json")
PROFILES, FRONTIER = Path("metrics/profiles"), Path("docs/frontier.png")


def read_summary(workspace: Path) -> dict[str, Any]:
    """Read the metrics of a workspace, or leave with a sentence if there are none."""
    path = workspace / "metrics" / "summary.json"
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        sys.exit(f"{path} is not there yet: run `make repro` first")
    return summary


def show(workspace: Path) -> None:
    """Print the table and where the results are."""
    print(format_table(read_summary(workspace)))
    print(
        f"\nmetrics      {workspace / 'metrics' / 'summary.json'}, {workspace / 'metrics' / 'cv'}/"
    )
    print(f"plots        {workspace / 'plots'}/")
    print(f"predictions  {workspace / 'plots' / 'predictions.csv'}")
    page = workspace / "report" / "index.html"
    if page.is_file():  # a profile has none
        print(f"listening    {page} (open it in a browser)")
    print(f"models       {workspace / 'models' / 'members'}/<member>/fold<k>/")


def read_compute() -> pd.DataFrame | None:
    """Read what the run behind the committed metrics took, if that was recorded."""
    return pd.read_csv(COMPUTE) if COMPUTE.is_file() else None


def read_trained_with() -> dict[str, Any]:
    """Read what the members behind the committed metrics were trained with."""
    trained: dict[str, Any] = json.loads(ENVIRONMENT.read_text("utf-8"))["trained_with"]
    return trained


def read_frontier() -> pd.DataFrame:
    """Read what the profiles that were run took and gave; the notebook's are no rungs of ours."""
    paths = sorted(path for path in PROFILES.glob("*.json") if not path.stem.startswith("notebook"))
    return frontier_table({path.stem: json.loads(path.read_text("utf-8")) for path in paths})


def fill_readme(text: str, summary: dict[str, Any]) -> str:
    """Bring the tables of the README up to date."""
    text = replace_results(text, summary)
    return replace_between(text, "frontier", format_frontier(read_frontier()))


def write_documents(summary: dict[str, Any]) -> None:
    """Bring README.md, MODEL_CARD.md and, where stages left notes, metrics/compute.csv up to date.

    The notes in logs/ stay on this machine: what documents say must be checked anywhere.
    """
    if TIMINGS.is_file():
        members = [name for name in summary if name not in NOT_A_MEMBER]
        write_csv(COMPUTE, compute_table(pd.read_csv(TIMINGS), members))
    write_text(README, fill_readme(README.read_text(encoding="utf-8"), summary))
    plot_frontier(read_frontier(), FRONTIER)
    write_text(MODEL_CARD, render_model_card(summary, read_compute(), read_trained_with()))


def main(*arguments: str) -> None:
    """Do what the command line asks for."""
    if arguments in (("-h",), ("--help",)):
        print(__doc__)
    elif arguments == ("--documents",):
        write_documents(read_summary(Path()))
    elif len(arguments) <= 1 and not "".join(arguments).startswith("-"):
        show(Path(*arguments))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EarwitnessError as error:
        sys.exit(str(error))
