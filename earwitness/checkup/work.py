"""What a stage takes, and what the machine has."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from earwitness.checkup.finding import Finding

COPIES = 2  # of what a stage writes: in the folder and in DVC's cache
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Work:
    """An estimate for a stage, all of its items together.

    Attributes
    ----------
    stage : str
        Name of the stage, with its member if it has one.
    runs : int
        Items, such as folds.
    seconds : float
        Of all runs, one after the other.
    disk : int
        Bytes that all runs write.
    memory : int
        Bytes that one run holds.
    out : Path
        What it writes: nothing is needed for what is there already.
    """

    stage: str
    runs: int
    seconds: float
    disk: int
    memory: int
    out: Path


def check_disk(works: Sequence[Work], folder: Path) -> Finding:
    """Compare what is still to be written with what is free.

    Parameters
    ----------
    works : sequence of Work
        All stages.
    folder : Path
        Where the pipeline runs.

    Returns
    -------
    Finding
        On the point "disk".
    """
    needed = COPIES * sum(work.disk for work in works if not work.out.exists())
    free = shutil.disk_usage(folder).free
    text = (
        f"about {_gigabytes(needed)} to be written, DVC's cache included; {_gigabytes(free)} free"
    )
    if needed < free:
        return Finding("disk", "ok", text)
    largest = max(works, key=lambda work: work.disk)
    return Finding(
        "disk",
        "problem",
        f"{text}: free some, or lower trunk.views or model.unfreeze_last_n "
        f"if most is a trunk's; the largest part is {largest.stage}'s "
        f"({_gigabytes(COPIES * largest.disk)})",
    )


def check_memory(works: Sequence[Work]) -> Finding:
    """Compare the hungriest stage with the memory that is available.

    Parameters
    ----------
    works : sequence of Work
        All stages.

    Returns
    -------
    Finding
        On the point "memory".
    """
    largest = max(works, key=lambda work: work.memory)
    available = available_memory()
    text = (
        f"up to about {_gigabytes(largest.memory)} a stage ({largest.stage}); "
        f"{_gigabytes(available)} available"
    )
    if largest.memory > available:
        return Finding(
            "memory",
            "problem",
            f"{text}: close other programs, or lower runtime.memory_gb or the batch size",
        )
    return Finding("memory", "ok", text)


def describe_time(works: Sequence[Work], start_seconds: float) -> Finding:
    """Say how long it takes, and what takes longest.

    Parameters
    ----------
    works : sequence of Work
        All stages.
    start_seconds : float
        What each run takes before its work begins.

    Returns
    -------
    Finding
        On the point "time".
    """
    each = {work.stage: work.seconds + start_seconds * work.runs for work in works}
    longest = sorted(each, key=lambda stage: -each[stage])[:4]
    parts = ", ".join(f"{stage} {_minutes(each[stage])}" for stage in longest)
    text = (
        f"about {_minutes(sum(each.values()))} for data and models, one stage after the other "
        f"({parts}); pages and exports take some more"
    )
    return Finding("time", "ok", text)


def available_memory() -> int:
    """Bytes that this process may still take, in a container too."""
    available: int = psutil.virtual_memory().available
    try:
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        facts = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no container, or none with a limit
        return available
    cached = int(facts.get("inactive_file", 0))  # given back when it is needed
    return min(available, limit - used + cached)


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{max(1, round(minutes))} min"
