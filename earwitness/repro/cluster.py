"""The Dask cluster that a job runs on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster

from earwitness.errors import EarwitnessError
from earwitness.repro.clone import find_problem
from earwitness.repro.job import Job

CONNECT_SECONDS, WORKER_SECONDS = 10, 60
# Dask samples what its threads do a hundred times a second, which takes a twentieth of a core and
# more. Here they wait for the processes that do the work.
IDLE = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}


@contextmanager
def local_client(jobs: int) -> Iterator[Any]:
    """Yield a client of a cluster inside this process.

    Parameters
    ----------
    jobs : int
        Stages at a time, at most.
    """
    # One worker, since Dask counts resources by worker and all stages share this machine's. The
    # memory that Dask watches is that of this process, which does nothing.
    with (
        dask.config.set(IDLE),
        LocalCluster(
            n_workers=1,
            threads_per_worker=jobs,
            processes=False,
            memory_limit=None,
            # Dask opens its pages of diagnostics in any case: to this machine only.
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def remote_client(address: str) -> Iterator[Any]:
    """Yield a client of a cluster that is already there.

    Parameters
    ----------
    address : str
        Of its scheduler, e.g. ``tcp://host:8786``.

    Raises
    ------
    EarwitnessError
        If nobody answers there, or no worker joins within a minute.
    """
    try:
        client: Any = Client(address, timeout=CONNECT_SECONDS)
    # TypeError: tls:// without certificates in Dask's configuration.
    except (OSError, ValueError, TypeError) as error:
        raise EarwitnessError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler` ({error})"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError as error:
            raise EarwitnessError(
                f"the scheduler at {address} has no workers: start some with "
                f"`python -m dask worker {address}`"
            ) from error
        yield client


def check_workers(client: Any, job: Job) -> None:
    """See that every worker can take part in a job.

    Raises
    ------
    EarwitnessError
        If one cannot import this package, does not see the repository, or is in a clone with
        other files.
    """
    mark = job.root / ".dvc" / "tmp" / job.name if job.root else None
    try:
        if mark:
            mark.touch()
        problems = client.run(_find_problem, mark, job.commit)
    except ModuleNotFoundError as error:
        raise EarwitnessError(
            f"a worker cannot import {error.name}: start it in the repository's folder, as "
            "`python -m dask worker`, with the same packages"
        ) from error
    finally:
        if mark:
            mark.unlink()
    for worker, problem in problems.items():
        if problem:
            raise EarwitnessError(f"worker {worker}: {problem}")


def _find_problem(mark: Path | None, commit: str) -> str:
    if mark is None:
        return find_problem(Path.cwd(), commit)
    if not mark.exists():
        return (
            f"it does not see {mark.parents[2]} as it is here: let workers run in clones of "
            "their own, with --remote and the name of a DVC remote"
        )
    return ""
