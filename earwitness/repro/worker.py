"""What a Dask worker does: one stage, by `dvc repro --single-item`."""

import pickle
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distributed import get_client, get_worker

from earwitness.errors import EarwitnessError
from earwitness.repro.clone import run_in_clone
from earwitness.repro.commands import environment
from earwitness.repro.job import STAGE_VARIABLES, Job, Outcome, StageFailed, Task, log_path
from earwitness.repro.lockfile import Entry
from earwitness.repro.plugin import JobPlugin
from earwitness.repro.shell import Shell


def run_stage(job: Job, task: Task, parents: Sequence[Outcome]) -> Outcome:
    """Run one stage on this worker.

    Parameters
    ----------
    job : Job
        What it is part of.
    task : Task
        The stage.
    parents : sequence of Outcome
        Those of its parents that are part of the job: the futures that it waited for.

    Returns
    -------
    Outcome
        What became of it.

    Raises
    ------
    StageFailed
        If DVC or the stage failed, or this worker's clone is not what it should be.
    """
    # When a worker dies, Dask repeats what had finished there as well. The results of a stage
    # are in DVC's cache, not in that worker's memory; its outcome is kept by the scheduler.
    client: Any = get_client()
    kept = client.get_metadata([job.name, task.stage], default=None)
    if kept is not None:
        outcome: Outcome = pickle.loads(kept)
        return outcome
    worker = get_worker()
    worker.log_event(job.name, {"stage": task.stage, "worker": worker.address})
    start = time.perf_counter()
    log, entry = _run(job, task, parents)
    outcome = Outcome(task.stage, _what(log), time.perf_counter() - start, log, entry)
    client.set_metadata([job.name, task.stage], pickle.dumps(outcome))
    return outcome


def _run(job: Job, task: Task, parents: Sequence[Outcome]) -> tuple[str, Entry | None]:
    """Run the commands of a stage; return their output and, in a clone, the result."""
    worker: Any = get_worker()
    plugin: JobPlugin = worker.plugins[job.name]
    root = job.root or Path.cwd()
    path = log_path(root, task.stage)
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as log, plugin.taking_gpus(task.gpus) as gpus:
        variables = {n: v for n, v in environment().items() if n not in STAGE_VARIABLES}
        variables |= {**job.variables, **gpus}
        key = str(worker.get_current_task())
        shell = Shell(task.stage, key, root, plugin.children, variables, log)
        if job.root:
            shell.dvc("repro", "--single-item", task.stage)
            return shell.output(), None
        try:
            entry = run_in_clone(shell, job, task, parents)
        except EarwitnessError as error:
            raise StageFailed(task.stage, str(error), shell.output()) from error
        return shell.output(), entry


def _what(log: str) -> str:
    if "Running stage '" in log:
        return "ran"
    return "restored" if "is cached - skipping run" in log else "unchanged"
