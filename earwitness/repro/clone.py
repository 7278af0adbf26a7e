"""Workers without a common file system: each in a clone, results by way of a DVC remote.

The client sends what is already there to the remote, and each worker what it adds. What
dvc.lock says of a stage travels with the stage's outcome: it names the results by their hashes,
and with it `dvc pull` finds them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from earwitness.errors import EarwitnessError
from earwitness.repro.commands import read_status, run_dvc, run_git
from earwitness.repro.job import Job, Outcome, Task
from earwitness.repro.lockfile import Entry, read_entries, write_entries
from earwitness.repro.plan import Plan
from earwitness.repro.shell import Shell

# What DVC itself changes in a repository.
OF_DVC = ("dvc.lock", ".gitignore")


def run_in_clone(shell: Shell, job: Job, task: Task, parents: Sequence[Outcome]) -> Entry:
    """Run a stage in this worker's clone.

    Parameters
    ----------
    shell : Shell
        Runs its commands.
    job : Job
        What it is part of.
    task : Task
        The stage.
    parents : sequence of Outcome
        Those of its parents that ran in this job.

    Returns
    -------
    Entry
        What dvc.lock says of it now; its outputs are in the remote.

    Raises
    ------
    EarwitnessError
        If the clone has other files than the client.
    StageFailed
        If a command fails.
    """
    root, stage = shell.root, task.stage
    if problem := find_problem(root, job.commit):
        raise EarwitnessError(problem)
    ran = {outcome.stage: outcome.entry for outcome in parents if outcome.entry}
    # Nothing else: an entry from an earlier job would name results that no longer count.
    write_entries(root, {**task.known, **ran})
    if task.parents:
        shell.dvc("pull", "--force", "--remote", job.remote, *task.parents)
    if stage in task.known and _differs_in_outputs_only(root, stage):
        # As the client has it: only that its outputs are not here, where nobody needs them.
        return task.known[stage]
    shell.dvc("repro", "--single-item", stage)
    shell.dvc("push", "--remote", job.remote, stage)
    return read_entries(root)[stage]


def find_problem(root: Path, commit: str) -> str:
    """Say why a clone cannot take part in a job at a commit; empty if it can."""
    if not (root / ".git").exists():
        return f"{root} is not a clone of the repository: start the worker in one"
    if run_git(root, "rev-parse", "HEAD").strip() != commit:
        return (
            f"the clone {root} is at another commit: run `git fetch && git checkout --force "
            f"{commit}` there"
        )
    if changed := changed_files(root):
        return f"the clone {root} has uncommitted changes in {', '.join(changed)}: undo them"
    return ""


def changed_files(root: Path) -> list[str]:
    """List tracked files that differ from the last commit and are not the pipeline's own."""
    outputs = {
        output["path"] for entry in read_entries(root).values() for output in entry.get("outs", ())
    }
    return [
        name
        for name in run_git(root, "diff", "--name-only", "HEAD").splitlines()
        if Path(name).name not in OF_DVC and not outputs & {name, *map(str, Path(name).parents)}
    ]


def current_commit(root: Path) -> str:
    """Return the commit that workers must be at.

    Raises
    ------
    EarwitnessError
        If the client's own files are not those of its commit.
    """
    if changed := changed_files(root):
        raise EarwitnessError(
            f"the workers' clones only know what is committed, and {', '.join(changed)} is not: "
            "commit first"
        )
    return run_git(root, "rev-parse", "HEAD").strip()


def stages_of_client(root: Path, plan: Plan) -> list[str]:
    """List the stages that cannot run in a clone: those with outputs that DVC does not cache.

    Nothing carries such outputs from one repository to another but git. What depends on them
    stays with the client as well.
    """
    definitions = YAML(typ="safe", pure=True).load((root / "dvc.yaml").read_text(encoding="utf-8"))
    uncached = {name for name, stage in definitions["stages"].items() if _is_uncached(stage)}
    elsewhere = [stage for stage in plan.parents if ":" in stage]
    if elsewhere:
        raise EarwitnessError(
            f"stage {elsewhere[0]} is not in the dvc.yaml of {root}: workers with clones of their "
            "own can only run stages that are; leave out --remote"
        )
    return plan.with_descendants([s for s in plan.parents if s.partition("@")[0] in uncached])


def send(root: Path, remote: str, plan: Plan, stages: Iterable[str]) -> None:
    """Push the outputs that some stages use and that are already here."""
    entries = read_entries(root)
    needed = {parent for stage in stages for parent in plan.parents[stage]}
    present = [name for name in plan.parents if name in needed & set(entries)]
    if present := [name for name in present if plan.has_outputs(name)]:
        run_dvc(root, "push", "--remote", remote, *present)


def receive(root: Path, remote: str, outcomes: Iterable[Outcome]) -> None:
    """Put results of workers into this repository: dvc.lock, the cache and the workspace."""
    new = {outcome.stage: outcome.entry for outcome in outcomes if outcome.entry}
    if new:
        write_entries(root, {**read_entries(root), **new})
        run_dvc(root, "pull", "--force", "--remote", remote, *new)


def _differs_in_outputs_only(root: Path, stage: str) -> bool:
    changes = read_status(root, stage).get(stage, [])
    return all(list(change) == ["changed outs"] for change in changes)


def _is_uncached(stage: Mapping[str, Any]) -> bool:
    stage = stage.get("do", stage)
    outputs = [item for kind in ("outs", "metrics", "plots") for item in stage.get(kind, ())]
    options = [value for item in outputs if isinstance(item, dict) for value in item.values()]
    return any(value.get("cache") is False for value in options)
