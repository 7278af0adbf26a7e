"""What there is to run: DVC's graph, its order, and what is not up to date."""

import re
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness.repro.commands import read_status, run_dvc

RUNNING = re.compile(r"^Running stage '(.+)':$", re.MULTILINE)
EDGE = re.compile(r'^"(.+)" -> "(.+)";$', re.MULTILINE)


@dataclass(frozen=True)
class Plan:
    """The stages that a `dvc repro` would look at.

    Attributes
    ----------
    parents : mapping of str to tuple of str
        The stages whose outputs a stage uses; the stages in the order in which `dvc repro`
        runs them.
    status : mapping of str to list
        What `dvc status` says of the stages that are not up to date.
    """

    parents: Mapping[str, tuple[str, ...]]
    status: Mapping[str, Any]

    def stale(self) -> list[str]:
        """Return the stages that are not up to date or use outputs of one that is not."""
        return self.with_descendants(self.status)

    def with_descendants(self, stages: Collection[str]) -> list[str]:
        """Return some stages and all that depend on them, in order."""
        found: list[str] = []
        for stage, parents in self.parents.items():
            if stage in stages or set(parents) & set(found):
                found.append(stage)
        return found

    def has_outputs(self, stage: str) -> bool:
        """Say whether the outputs of a stage are there and as its last run wrote them."""
        return not any("changed outs" in change for change in self.status.get(stage, ()))


def read_plan(root: Path, targets: Iterable[str] = ()) -> Plan:
    """Ask DVC for its plan.

    Parameters
    ----------
    root : Path
        The repository.
    targets : iterable of str
        As of `dvc repro`; none for the whole pipeline.

    Returns
    -------
    Plan
        Stages, order, dependencies and state.

    Raises
    ------
    EarwitnessError
        If DVC refuses, as for a target that does not exist.
    """
    with ThreadPoolExecutor() as pool:  # each command is a process, half of whose time is loading
        # Forced, a dry run names every stage it comes by, changed or not.
        dry_run = pool.submit(run_dvc, root, "repro", "--dry", "--force", *targets)
        graph = pool.submit(run_dvc, root, "dag", "--dot")
        status = pool.submit(read_status, root)
    order = RUNNING.findall(dry_run.result())
    edges = EDGE.findall(graph.result())
    parents = {
        stage: tuple(before for before, after in edges if after == stage and before in order)
        for stage in order
    }
    changes = {stage: what for stage, what in status.result().items() if stage in parents}
    return Plan(parents, changes)
