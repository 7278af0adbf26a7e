"""A Dask scheduler and two workers in processes of their own, each worker in a clone.

Results go by way of a DVC remote, here a folder. The tests go through one cluster in order.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from earwitness.errors import EarwitnessError
from earwitness.repro.clone import current_commit, find_problem
from tests.repro.project import STAGES, WORK, Project, copy_project, gone, wait_until


@dataclass
class Cluster:
    """The repository of the one who asks, and a worker by the folder of its clone."""

    client: Project
    address: str
    workers: dict[str, "subprocess.Popen[bytes]"]

    def repro(self, *targets: str) -> "subprocess.Popen[str]":
        return self.client.start(*targets, "--scheduler", self.address, "--remote", "exchange")

    def commit(self) -> None:
        """Commit the client's changes and bring the clones there, as docs/parallel.md says."""
        self.client.commit()
        for folder in self.workers:
            clone = Project(Path(folder), self.client.trace_file)
            clone.run("git", "fetch", "--quiet")
            clone.run("git", "checkout", "--quiet", "--force", "origin/HEAD")


def dask(project: Project, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1"]
    # As Dask's nannies, which are left out here, have it in the workers that they start.
    variables = project.variables | {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
    return subprocess.Popen(command, cwd=project.root, env=variables)


@pytest.fixture(scope="module")
def cluster(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    client = copy_project(fresh, folder)
    client.dvc("remote", "add", "exchange", str(folder / "remote"))
    client.commit()
    file = folder / "scheduler.json"
    where = ["--scheduler-file", str(file)]
    dashboard = ["--dashboard-address", "127.0.0.1:0"]
    scheduler = dask(client, "scheduler", *where, "--port", "0", *dashboard)
    workers = {}
    for name in ("first", "second"):
        clone = Project(folder / name, client.trace_file)
        client.run("git", "clone", "--quiet", str(client.root), str(clone.root))
        workers[str(clone.root)] = dask(
            clone, "worker", *where, "--nthreads", "1", "--no-nanny", "--no-dashboard"
        )
    wait_until(file.exists)
    yield Cluster(client, json.loads(file.read_text())["address"], workers)
    for process in (scheduler, *workers.values()):
        process.kill()
        process.wait()


def test_clones_leave_what_dvc_repro_leaves(cluster: Cluster, by_dvc: Project) -> None:
    client = cluster.client
    output, _ = cluster.repro().communicate(timeout=240)
    assert "Stages: 6 ran" in output
    assert sorted(client.begun()) == sorted(STAGES)
    assert client.files() == by_dvc.files()
    assert "join at work" in (client.root / "logs" / "join.log").read_text()
    folders = {note["stage"]: note["folder"] for note in client.trace()}
    # What DVC does not cache is made where it is wanted.
    assert folders.pop("score") == str(client.root)
    assert set(folders.values()) == set(cluster.workers)
    # The number of threads decides about bits: it is the client's, not one that Dask has set.
    assert {note["omp"] for note in client.trace()} == {None}
    assert {note["trim"] for note in client.trace()} == {str(8 * 2**30)}


def test_a_stage_whose_worker_dies_runs_elsewhere_and_nothing_else_does(cluster: Cluster) -> None:
    client = cluster.client
    (client.root / "word.txt").write_text("two")
    cluster.commit()
    before = len(client.trace())
    slow = client.slow("part@1")
    process = cluster.repro("part@1")
    note = client.wait_for("part@1", before)
    cluster.workers[note["folder"]].kill()
    slow.unlink()
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert "part@1: its worker" in output
    assert gone(note["pid"])
    begun = [note["stage"] for note in client.trace()[before:] if note["what"] == "begin"]
    assert begun == ["source", "part@1", "part@1"]
    assert "two" in (client.root / "parts" / "1.txt").read_text()


def test_workers_that_see_the_folder_need_no_clone(cluster: Cluster) -> None:
    client = cluster.client
    slow = client.slow("other")
    (client.root / "work.py").write_text(WORK + "# changed")
    before = len(client.trace())
    process = client.start("other", "--scheduler", cluster.address)
    note = client.wait_for("other", before)
    assert note["folder"] == str(client.root)
    # Its worker is somewhere else, and learns from the scheduler that nobody waits any more.
    process.kill()
    process.wait()
    assert gone(note["pid"])
    slow.unlink()
    assert "Stages: 1 ran" in client.repro("other", "--scheduler", cluster.address)


def test_a_clone_must_be_what_the_client_has(done: Project, tmp_path: Path) -> None:
    done.commit()
    commit = current_commit(done.root)
    assert find_problem(done.root, commit) == ""
    assert "is not a clone of the repository" in find_problem(tmp_path, commit)
    # What the pipeline itself writes is no change.
    (done.root / "score.json").write_text("{}")
    assert find_problem(done.root, commit) == ""
    (done.root / "work.py").write_text(WORK + "# changed")
    assert "uncommitted changes in work.py" in find_problem(done.root, commit)
    with pytest.raises(EarwitnessError, match="only know what is committed, and work"):
        current_commit(done.root)
    done.commit()
    assert f"git checkout --force {commit}" in find_problem(done.root, commit)
