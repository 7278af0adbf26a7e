"""Print the metrics table of the last evaluation, or bring the documents up to date with it.

python -m stages.show [FOLDER]       the table, and where the results in that workspace are
python -m stages.show --documents    write the results into README.md and MODEL_CARD.md
"""

import json
import sys
from pathlib import Path
from typing import Any

from earwitness.errors import EarwitnessError
from earwitness.evaluation.report import format_table, replace_results
from earwitness.store.atomic import write_text

DOCUMENTS = (Path("README.md"), Path("MODEL_CARD.md"))


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
    print(f"listening    {workspace / 'report' / 'index.html'} (open it in a browser)")
    print(f"models       {workspace / 'models' / 'members'}/<member>/fold<k>/")


def main(*arguments: str) -> None:
    """Do what the command line asks for."""
    if arguments == ("--documents",):
        summary = read_summary(Path())
        for document in DOCUMENTS:
            write_text(document, replace_results(document.read_text(encoding="utf-8"), summary))
    elif len(arguments) <= 1 and not "".join(arguments).startswith("-"):
        show(Path(*arguments))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EarwitnessError as error:
        sys.exit(str(error))
