"""Makes a Dask worker ready for a job: what the machine offers, and the end of its stages."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Worker, WorkerPlugin
from distributed.system import MEMORY_LIMIT

from earwitness.repro.children import Children
from earwitness.repro.demand import Offer, visible_gpus
from earwitness.repro.job import Job


class JobPlugin(WorkerPlugin):
    """What a worker has and does for one job.

    Parameters
    ----------
    job : Job
        The job.

    Attributes
    ----------
    children : Children
        The commands that run on this worker.
    gpus : list of str
        The GPUs that no stage has taken, by the names CUDA has for them.
    """

    def __init__(self, job: Job) -> None:
        self.name = job.name
        self._cores = job.cores
        self._in_clone = job.root is None

    async def setup(self, worker: Worker) -> None:
        """Let the scheduler know what this worker has."""
        self.children = Children()
        self.gpus = visible_gpus()
        threads = worker.state.nthreads
        limit = worker.memory_manager.memory_limit or MEMORY_LIMIT
        await worker.set_resources(
            cores=self._cores or threads,
            memory_gb=limit / 2**30,
            gpus=len(self.gpus),
            # Nobody else may write to a clone's dvc.lock while a stage runs there.
            stages=1 if self._in_clone else threads,
        )

    def transition(self, key: Any, start: str, finish: str, **_: Any) -> None:
        """End the stage of a task that was cancelled, as all are when their client goes."""
        if start == "executing" and finish == "released":
            self.children.stop(str(key))

    async def teardown(self, worker: Worker) -> None:
        """End all stages with the job or the worker."""
        await asyncio.to_thread(self.children.close)

    @contextmanager
    def taking_gpus(self, number: int) -> Iterator[dict[str, str]]:
        """Keep GPUs from other stages; yield the variables that show a stage those alone."""
        taken = [self.gpus.pop() for _ in range(number)]
        try:
            yield {"CUDA_VISIBLE_DEVICES": ",".join(sorted(taken))} if taken else {}
        finally:
            self.gpus += taken


def as_resources(demand: Offer) -> dict[str, float]:
    """Put what a stage takes in the words of `JobPlugin.setup`."""
    return {
        "cores": demand.cores,
        "memory_gb": demand.memory_gb,
        "gpus": demand.gpus,
        "stages": 1,
    }


def as_offer(resources: dict[str, float]) -> Offer:
    """Read what a worker has from the resources that `JobPlugin.setup` gave it."""
    return Offer(int(resources["cores"]), resources["memory_gb"], int(resources["gpus"]))
