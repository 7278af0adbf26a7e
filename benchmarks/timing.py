"""Timing of repeated work in processes side by side."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from types import TracebackType
from typing import Any

import torch

Work = Callable[[], object]
# Makes the pieces of work to time, by name, inside the process that will do them.
Prepare = Callable[..., dict[str, Work]]

_start: Barrier


@dataclass(frozen=True)
class Budget:
    """How long a piece of work is timed.

    Attributes
    ----------
    seconds : float
        Repetitions begin until then.
    least : int
        Repetitions in any case, after one to warm up.
    """

    seconds: float
    least: int


def repeat(work: Work, budget: Budget) -> float:
    """Time a piece of work.

    Parameters
    ----------
    work : callable
        What to do.
    budget : Budget
        How often.

    Returns
    -------
    float
        Mean seconds of one repetition, without the first.
    """
    work()
    start = time.perf_counter()
    done = 0
    while done < budget.least or time.perf_counter() - start < budget.seconds:
        work()
        done += 1
    return (time.perf_counter() - start) / done


class Machine:
    """Processes that work side by side, as the pipeline's stages do.

    Parameters
    ----------
    cores : int, optional
        Processes; those of this machine.
    """

    def __init__(self, cores: int | None = None) -> None:
        self.cores = cores or os.cpu_count() or 1
        context = get_context("spawn")
        self._pool = ProcessPoolExecutor(
            self.cores, context, initializer=_receive, initargs=(context.Barrier(self.cores),)
        )

    def __enter__(self) -> "Machine":
        """Enter."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)

    def one_process(self, prepare: Prepare, budget: Budget, *args: Any) -> list[dict[str, float]]:
        """Time work in one process that uses all cores.

        Parameters
        ----------
        prepare : callable
            Makes the work from `args`; a function of a module, since another process calls it.
        budget : Budget
            For each piece.
        *args
            For `prepare`.

        Returns
        -------
        list of dict of str to float
            One dictionary: seconds of each piece.
        """
        return [self._pool.submit(_measure, prepare, budget, self.cores, False, args).result()]

    def one_process_a_core(
        self, prepare: Prepare, budget: Budget, *args: Any
    ) -> list[dict[str, float]]:
        """Time the same work in a process a core, each with one thread, at the same time.

        Parameters
        ----------
        prepare, budget, *args
            As in `one_process`.

        Returns
        -------
        list of dict of str to float
            One dictionary a process: seconds of each piece.
        """
        together = self.cores > 1
        futures = [
            self._pool.submit(_measure, prepare, budget, 1, together, args)
            for _ in range(self.cores)
        ]
        return [future.result() for future in futures]


def _receive(start: Barrier) -> None:
    global _start
    _start = start


def _measure(
    prepare: Prepare, budget: Budget, threads: int, together: bool, args: tuple[Any, ...]
) -> dict[str, float]:
    torch.set_num_threads(threads)
    seconds = {}
    for name, work in prepare(*args).items():
        if together:
            _start.wait(timeout=600)  # an error in one process must not hang the others
        seconds[name] = repeat(work, budget)
    return seconds
