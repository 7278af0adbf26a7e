"""Clips a second of several ways of doing something, taken in turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.floor import Peak
from benchmarks.timing import Budget, Machine, Prepare

# Of each way, by the name of the piece of work: clips a second, all processes together.
Rates = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Way:
    """A way of doing something.

    Attributes
    ----------
    prepare : callable
        Makes the pieces of work; a function of a module, since other processes call it.
    clips : int
        Clips that one repetition of each piece treats.
    args : tuple
        Of `prepare`.
    whole : bool
        Whether one process has all cores, as in a notebook, and not each core a process with
        one thread, as in the pipeline.
    """

    prepare: Prepare
    clips: int
    args: tuple[Any, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Bench:
    """What every part of the benchmark works with.

    Attributes
    ----------
    machine : Machine
        Where work is timed.
    peak : Peak
        What the machine was seen to do at best.
    files : tuple of Path
        Real clips.
    budget : Budget
        How long a piece of work is timed.
    rounds : int
        The best of these counts.
    quick : bool
        Whether only to see that it runs.
    """

    machine: Machine
    peak: Peak
    files: tuple[Path, ...]
    budget: Budget
    rounds: int
    quick: bool

    @property
    def seconds(self) -> float:
        """Length of a clip."""
        return 1.0 if self.quick else 5.0

    def least(self, clips: int) -> int:
        """Return a number of clips, or a few of them where only to see that it runs."""
        return min(clips, 4) if self.quick else clips

    def rates(self, ways: Mapping[str, Way]) -> Rates:
        """Time ways in turn, round by round, so that all meet the same machine.

        Parameters
        ----------
        ways : mapping of str to Way
            By name.

        Returns
        -------
        dict of str to dict of str to float
            Clips a second of each way's pieces, in their best round.
        """
        best: Rates = {name: {} for name in ways}
        for _ in range(self.rounds):
            for name, way in ways.items():
                for piece, rate in clips_a_second(self.machine, way, self.budget).items():
                    best[name][piece] = max(rate, best[name].get(piece, 0.0))
        return best


def clips_a_second(machine: Machine, way: Way, budget: Budget) -> dict[str, float]:
    """Time a way once.

    Parameters
    ----------
    machine : Machine
        Where.
    way : Way
        What.
    budget : Budget
        How long.

    Returns
    -------
    dict of str to float
        By piece: clips a second, those of all processes added up.
    """
    run = machine.one_process if way.whole else machine.one_process_a_core
    processes = run(way.prepare, budget, *way.args)
    return {
        piece: sum(way.clips / seconds[piece] for seconds in processes) for piece in processes[0]
    }
