"""Reproduce the pipeline, with stages that do not depend on each other side by side."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from dask.system import CPU_COUNT

from earwitness.repro.clone import current_commit, receive, send, stages_of_client
from earwitness.repro.cluster import check_workers, local_client, remote_client
from earwitness.repro.commands import read_status
from earwitness.repro.demand import Settings, read_settings
from earwitness.repro.execute import Execution, Result
from earwitness.repro.job import Job, stage_variables
from earwitness.repro.lockfile import read_entries, sort_entries
from earwitness.repro.plan import Plan, read_plan


def reproduce(
    root: Path,
    targets: Sequence[str] = (),
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    remote: str | None = None,
) -> Result:
    """Do what `dvc repro` does, several stages at a time.

    Parameters
    ----------
    root : Path
        The repository.
    targets : sequence of str
        As of `dvc repro`; none for the whole pipeline.
    jobs : int, optional
        Stages at a time on this machine, at most; default: one a core.
    scheduler : str, optional
        Address of a running Dask cluster that is to do the work instead.
    remote : str, optional
        With `scheduler`: the DVC remote through which workers exchange results, each in a
        clone of the repository of its own. Default: all work in this folder.

    Returns
    -------
    Result
        What has run and what has failed. dvc.lock, the cache and the workspace are as
        `dvc repro` would have left them.

    Raises
    ------
    EarwitnessError
        If DVC cannot read the pipeline, or the cluster cannot be used.
    """
    plan, before = read_plan(root, targets), read_entries(root)
    stages, result = plan.stale(), Result()
    if not stages:
        return result
    settings = read_settings(root)
    try:
        if scheduler and remote:
            stages = _run_in_clones(root, plan, stages, settings, result, scheduler, remote)
        elif scheduler:
            with remote_client(scheduler) as client:
                job = _job(root)
                check_workers(client, job)
                Execution(client, job, root, plan, settings).run(stages, result)
            stages = []
        if stages:
            with local_client(jobs or CPU_COUNT) as client:
                job = _job(root, cores=CPU_COUNT)
                Execution(client, job, root, plan, settings).run(stages, result)
    finally:
        sort_entries(root, before, plan.parents)
    result.left = [stage for stage in read_status(root) if stage in plan.parents]
    return result


def _run_in_clones(
    root: Path,
    plan: Plan,
    stages: Sequence[str],
    settings: Settings,
    result: Result,
    scheduler: str,
    remote: str,
) -> list[str]:
    """Run what can run in clones; return the stages that are left to do here."""
    at_home = stages_of_client(root, plan)
    away = [stage for stage in stages if stage not in at_home]
    job = _job(None, remote=remote, commit=current_commit(root))
    if away:
        with remote_client(scheduler) as client:
            check_workers(client, job)
            send(root, remote, plan, away)
            try:
                Execution(client, job, root, plan, settings).run(away, result)
            finally:
                receive(root, remote, result.outcomes)
    failed = plan.with_descendants([failure.stage for failure in result.failures])
    result.skipped += [stage for stage in stages if stage in at_home and stage in failed]
    return [stage for stage in stages if stage in at_home and stage not in failed]


def _job(root: Path | None, *, cores: int | None = None, remote: str = "", commit: str = "") -> Job:
    name = f"repro-{secrets.token_hex(4)}"
    return Job(name, root, cores, stage_variables(os.environ), remote, commit)
