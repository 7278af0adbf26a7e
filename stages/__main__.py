"""Run one stage: ``python -m stages <stage> [item] [fold]``, as dvc.yaml does.

params.yaml is read first, all of it, and before anything heavy is imported: a mistake in it
is reported within a second. Then ``stages/<stage>.py`` is loaded and its ``main`` called.
"""

import contextlib
import csv
import fcntl
import gc
import importlib
import inspect
import logging
import os
import resource
import sys
import time
from pathlib import Path

from earwitness.errors import EarwitnessError
from stages.lifeline import end_with_dvc
from stages.params import open_params

TIMINGS = Path("logs/stages.csv")
NOT_STAGES = {"check", "document", "lifeline", "params", "repository", "revision", "schema", "show"}


def main(arguments: list[str]) -> None:
    """Run the stage that the arguments name.

    Parameters
    ----------
    arguments : list of str
        Name of the stage and, for a matrix stage, its item.

    Raises
    ------
    EarwitnessError
        If there is no such stage, it takes other arguments, or it fails for a reason that
        the user can act on.
    """
    name, *items = arguments or [""]
    modules = {path.stem for path in Path(__file__).parent.glob("[a-z]*.py")}
    stages = sorted(modules - NOT_STAGES)
    if name not in stages:
        raise EarwitnessError(
            f"usage: python -m stages STAGE [ITEM] [FOLD], with one of {', '.join(stages)}"
        )
    params = open_params()
    gc.disable()  # the many objects of an import all stay: looking for others costs a fifth of it
    work = importlib.import_module(f"stages.{name}").main
    gc.enable()
    takes = list(inspect.signature(work).parameters)[1:]
    if len(takes) != len(items):
        raise EarwitnessError(f"usage: python -m stages {' '.join([name, *takes]).upper()}")
    for kind, item in zip(takes, items, strict=True):
        if kind == "fold" and not item.isdecimal():
            raise EarwitnessError(f"a fold is a whole number, not {item!r}")
    start = time.perf_counter()
    try:
        work(params, *items)
    except FileNotFoundError as error:
        raise EarwitnessError(f"{error.filename} does not exist: run `dvc repro`") from error
    with contextlib.suppress(OSError):  # a full disk, say: the stage's work is done all the same
        _record("@".join([name, "-".join(items)]).rstrip("@"), time.perf_counter() - start)


def _record(stage: str, seconds: float) -> None:
    """Note time and peak memory where git and DVC do not look: they change with every run."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    mebibytes = peak / 1024 if sys.platform == "linux" else peak / 1024**2
    TIMINGS.parent.mkdir(exist_ok=True)
    with TIMINGS.open("a", newline="") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # stages may end at the same moment
        writer = csv.writer(stream)
        if not os.fstat(stream.fileno()).st_size:
            writer.writerow(["finished", "stage", "seconds", "peak_mib", "pid"])
        finished = time.strftime("%Y-%m-%dT%H:%M:%S")
        writer.writerow([finished, stage, f"{seconds:.1f}", f"{mebibytes:.0f}", os.getpid()])


if __name__ == "__main__":
    end_with_dvc()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        main(sys.argv[1:])
    except EarwitnessError as error:
        print(f"{' '.join(sys.argv[1:2])}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
