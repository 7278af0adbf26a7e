"""Print the metrics table of the last evaluation and where its results are.

    python -m stages.show [folder]

The folder is the workspace that the pipeline ran in, by default this one.
"""

import json
import sys
from pathlib import Path

from earwitness.evaluation.report import format_table


def main(folder: str = ".") -> None:
    """Read metrics/summary.json and print it."""
    workspace = Path(folder)
    summary = workspace / "metrics" / "summary.json"
    try:
        table = format_table(json.loads(summary.read_text(encoding="utf-8")))
    except OSError:
        sys.exit(f"{summary} is not there yet: run `make repro` first")
    print(table)
    print(f"\nmetrics      {summary}, {workspace / 'metrics' / 'cv'}/")
    print(f"plots        {workspace / 'plots'}/")
    print(f"predictions  {workspace / 'plots' / 'predictions.csv'}")
    print(f"models       {workspace / 'models' / 'members'}/<member>/fold<k>/")


if __name__ == "__main__":
    main(*sys.argv[1:])
