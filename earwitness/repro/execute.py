"""The translation itself: a DVC stage is a Dask task, an edge of the graph is a future."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import KilledWorker, as_completed

from earwitness.errors import EarwitnessError
from earwitness.repro.demand import Settings
from earwitness.repro.job import Job, Outcome, StageFailed, Task, log_path
from earwitness.repro.lockfile import read_entries
from earwitness.repro.plan import Plan
from earwitness.repro.plugin import JobPlugin, as_offer, as_resources
from earwitness.repro.progress import Progress
from earwitness.repro.worker import run_stage
from earwitness.store.atomic import write_text


@dataclass
class Result:
    """What became of the stages that were to run.

    Attributes
    ----------
    outcomes : list of Outcome
        Of those that have done their work.
    failures : list of StageFailed
        Of those that have not.
    skipped : list of str
        Those that were not run because one that they depend on has failed.
    left : list of str
        Those that `dvc status` still finds changed at the end.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[StageFailed] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class Execution:
    """A job on a cluster.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    job : Job
        What the workers need to know.
    root : Path
        The repository.
    plan : Plan
        The graph.
    settings : Settings
        What stages take.
    """

    def __init__(self, client: Any, job: Job, root: Path, plan: Plan, settings: Settings) -> None:
        self._client, self._job, self._root = client, job, root
        self._plan, self._settings = plan, settings
        self._futures: dict[str, Any] = {}

    def run(self, stages: Sequence[str], result: Result) -> None:
        """Run stages, and wait until each has run or cannot.

        Parameters
        ----------
        stages : sequence of str
            Stages of the plan, parents first.
        result : Result
            Filled as stages end. If this is interrupted, all that run are ended.

        Raises
        ------
        EarwitnessError
            If the connection to the cluster is lost.
        """
        client, name = self._client, self._job.name
        progress = Progress(len(stages))
        client.subscribe_topic(name, progress.started)
        try:
            client.register_plugin(JobPlugin(self._job))
            self._submit(stages)
            of_key = {future.key: stage for stage, future in self._futures.items()}
            for future in as_completed(self._futures.values()):
                self._take(of_key[future.key], result, progress)
        finally:
            # Without a scheduler nobody answers, and that it is gone is told already.
            with suppress(OSError):
                client.cancel(list(self._futures.values()))
                # Returns when the last command has ended.
                client.unregister_worker_plugin(name)
                client.unsubscribe_topic(name)
                client.set_metadata([name], {})
            progress.close()

    def _submit(self, stages: Sequence[str]) -> None:
        workers = self._client.scheduler_info()["workers"].values()
        offers = [as_offer(worker["resources"]) for worker in workers]
        entries = read_entries(self._root) if self._job.root is None else {}
        for stage in stages:
            parents = self._plan.parents[stage]
            demand = self._settings.demand(stage, offers)
            known = {
                name: entries[name]
                for name in (*parents, stage)
                if name in entries and self._plan.has_outputs(name)
            }
            self._futures[stage] = self._client.submit(
                run_stage,
                self._job,
                Task(stage, parents, demand.gpus, known),
                [self._futures[parent] for parent in parents if parent in self._futures],
                key=f"{stage}-{self._job.name}",
                resources=as_resources(demand),
                pure=False,
            )

    def _take(self, stage: str, result: Result, progress: Progress) -> None:
        """Note what became of a stage whose future is done."""
        future = self._futures[stage]
        parents = [self._futures[p] for p in self._plan.parents[stage] if p in self._futures]
        if future.status == "finished":
            outcome = future.result()
            result.outcomes.append(outcome)
            self._keep_log(stage, outcome.log)
            progress.ended(outcome)
        elif future.status != "error":
            raise EarwitnessError(
                "the connection to the Dask cluster was lost: see that its scheduler runs, then "
                "run this again; finished stages stay finished"
            )
        elif any(parent.status == "error" for parent in parents):
            result.skipped.append(stage)
            progress.skipped(stage)
        else:
            failure = self._failure(stage, future.exception())
            result.failures.append(failure)
            self._keep_log(stage, failure.log)
            progress.failed(stage)

    def _failure(self, stage: str, error: BaseException) -> StageFailed:
        if isinstance(error, StageFailed):
            return error
        if isinstance(error, KilledWorker):
            return StageFailed(stage, "the workers that it ran on died, one after the other", "")
        return StageFailed(stage, f"{type(error).__name__}: {error}", "")

    def _keep_log(self, stage: str, text: str) -> None:
        """Bring a log here that was written in a clone."""
        if self._job.root is None:
            write_text(log_path(self._root, stage), text)
