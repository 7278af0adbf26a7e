"""A Dask scheduler and two workers in processes of their own, each with a clone.

Results go by way of a DVC remote, here a folder.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.repro.project import STAGES, Project, copy_project, gone


@dataclass
class Cluster:
    """A scheduler and its workers."""

    client: Project
    address: str
    clones: list[Project]
    workers: dict[str, "subprocess.Popen[bytes]"]

    def update(self) -> None:
        """Bring the clones to the client's commit."""
        self.client.commit()
        for clone in self.clones:
            clone.run("git", "fetch", "--quiet")
            clone.run("git", "checkout", "--quiet", "--force", "origin/HEAD")


def dask(project: Project, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], cwd=project.root, env=project.variables
    )


@pytest.fixture(scope="module")
def cluster(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    client = copy_project(fresh, folder)
    client.dvc("remote", "add", "exchange", str(folder / "remote"))
    client.commit()
    file = folder / "scheduler.json"
    processes = [dask(client, "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file))]
    clones, workers = [], {}
    for name in ("first", "second"):
        client.run("git", "clone", "--quiet", str(client.root), str(folder / name))
        clone = Project(folder / name, client.trace_file)
        process = dask(clone, "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--no-dashboard")
        clones.append(clone)
        workers[str(clone.root)] = process
    processes += workers.values()
    import json, time
    while not file.exists(): time.sleep(0.1)
    yield Cluster(client, json.loads(file.read_text())["address"], clones, workers)
    for process in processes:
        process.kill()
        process.wait()


def test_clones_leave_what_dvc_repro_leaves(cluster: Cluster, by_dvc: Project) -> None:
    client = cluster.client
    output = client.repro("--scheduler", cluster.address, "--remote", "exchange")
    print(output)
    print(client.trace())
    assert sorted(client.begun()) == sorted(STAGES)
    assert client.files() == by_dvc.files()


def test_a_stage_whose_worker_dies_runs_elsewhere(cluster: Cluster) -> None:
    client = cluster.client
    (client.root / "word.txt").write_text("two")
    cluster.update()
    before = len(client.trace())
    slow = client.slow("part@1")
    process = client.start("join", "--scheduler", cluster.address, "--remote", "exchange")
    note = client.wait_for("part@1", before)
    slow.unlink()
    cluster.workers[note["folder"]].kill()
    output, _ = process.communicate(timeout=120)
    print(output)
    assert process.returncode == 0
    assert gone(note["pid"])
    begun = [n["stage"] for n in client.trace()[before:] if n["what"] == "begin"]
    print(begun)
    assert Counter(begun) == Counter({"source": 1, "part@1": 2, "part@2": 1, "join": 1})
    assert "two" in (client.root / "join.txt").read_text()


def test_workers_that_see_the_folder_need_no_clone(cluster: Cluster) -> None:
    client = cluster.client
    client.repro("score", "--scheduler", cluster.address)
    assert client.trace()[-1]["stage"] == "score"
