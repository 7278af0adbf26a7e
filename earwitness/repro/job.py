"""What client and workers tell each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from earwitness.repro.lockfile import Entry

# Dask sets these to 1 in its workers. A stage is to find what it would find under `dvc repro`.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Of glibc's allocator, which otherwise gives a training step's memory back to the system and gets
# it anew for the next one, zeroed page by page: up to a fifth of a step's time. (Dask's nannies let
# their workers keep nothing, which makes a step take up to twice as long.) 32 MiB is glibc's limit.
ALLOCATOR_VARIABLES = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(8 * 2**30),
}
STAGE_VARIABLES = (*THREAD_VARIABLES, *ALLOCATOR_VARIABLES)


@dataclass(frozen=True)
class Job:
    """One call of ``repro``, as its workers see it.

    Attributes
    ----------
    name : str
        Unlike that of any other job.
    root : Path, optional
        The repository, the same folder for all workers; None if each has a clone of its own,
        in the folder in which it was started.
    cores : int, optional
        What a worker offers; None: as many as it has threads.
    variables : mapping of str to str
        Of `STAGE_VARIABLES`, those that its stages find; see `stage_variables`.
    remote, commit : str
        For clones: the DVC remote through which they exchange results, and where they must be.
    """

    name: str
    root: Path | None
    cores: int | None
    variables: Mapping[str, str]
    remote: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Task:
    """One stage of a job.

    Attributes
    ----------
    stage : str
        Its name.
    parents : tuple of str
        The stages whose outputs it uses.
    gpus : int
        How many it takes.
    known : mapping of str to Entry
        For a clone: what dvc.lock says of those among its parents and itself whose outputs the
        client has before the job begins.
    """

    stage: str
    parents: tuple[str, ...]
    gpus: int
    known: Mapping[str, Entry]


@dataclass(frozen=True)
class Outcome:
    """What became of a stage.

    Attributes
    ----------
    stage : str
        Its name.
    what : {"ran", "restored", "unchanged"}
        Whether its command ran, DVC found the result of an earlier run, or there was nothing
        to do.
    seconds : float
        How long it took, with DVC's own work.
    log : str
        Its output.
    entry : Entry, optional
        From a clone: what dvc.lock says of it now.
    """

    stage: str
    what: str
    seconds: float
    log: str
    entry: Entry | None = None


class StageFailed(Exception):
    """A command of a stage failed.

    Parameters
    ----------
    stage : str
        Its name.
    reason : str
        What failed.
    log : str
        The stage's output.
    """

    def __init__(self, stage: str, reason: str, log: str) -> None:
        super().__init__(stage, reason, log)
        self.stage, self.reason, self.log = stage, reason, log


def stage_variables(client: Mapping[str, str]) -> dict[str, str]:
    """Choose what the stages of a job find of `STAGE_VARIABLES`, on whichever worker they run.

    Parameters
    ----------
    client : mapping of str to str
        The environment of who calls ``repro``: what is set there holds.

    Returns
    -------
    dict of str to str
        `ALLOCATOR_VARIABLES`, and those that the client has.
    """
    given = {name: client[name] for name in STAGE_VARIABLES if name in client}
    return ALLOCATOR_VARIABLES | given


def log_path(root: Path, stage: str) -> Path:
    """Return where the output of a stage is written."""
    return root / "logs" / (re.sub(r"[^\w@.-]", "_", stage) + ".log")
