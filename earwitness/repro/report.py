"""What ``repro`` says at the end."""

import sys
from collections import Counter
from pathlib import Path

from earwitness.repro.execute import Result
from earwitness.repro.job import log_path

LINES_OF_LOG = 15


def report(result: Result, root: Path) -> int:
    """Print a summary, with each failed stage, its log and the end of it.

    Parameters
    ----------
    result : Result
        Of `reproduce`.
    root : Path
        The repository.

    Returns
    -------
    int
        Exit status: 0 if everything is up to date, else 1.
    """
    counts = Counter(outcome.what for outcome in result.outcomes)
    done = ", ".join(f"{number} {what}" for what, number in counts.items())
    print(f"Stages: {done or 'nothing to do'}")
    for failure in result.failures:
        print(f"\n{failure.stage} failed: {failure.reason}", file=sys.stderr)
        if failure.log:
            print(f"{log_path(root, failure.stage)} ends with", file=sys.stderr)
            for line in failure.log.splitlines()[-LINES_OF_LOG:]:
                print(f"    {line}", file=sys.stderr)
    if result.skipped:
        print(f"\nNot run for that reason: {', '.join(result.skipped)}", file=sys.stderr)
    if result.left and not result.failures:
        print(f"`dvc status` still finds changed: {', '.join(result.left)}", file=sys.stderr)
    return 1 if result.failures or result.left else 0
