"""DVC's own queue of experiments, as docs/parallel.md describes it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repro.project import Project, copy_project, wait_until

PIPELINE = """
stages:
  source:
    cmd: python work.py source data/raw/set '>data/source.txt'
    deps: [data/raw/set]
    outs: [data/source.txt]
  score:
    cmd: python work.py score-${model.unfreeze_last_n} data/source.txt '>score.json'
    deps: [data/source.txt]
    params: [model]
    metrics:
      - score.json:
          cache: false
"""


@pytest.fixture
def project(fresh: Project, tmp_path: Path) -> Project:
    """A pipeline on a data set that is a link out of the repository, and its results."""
    project = copy_project(fresh, tmp_path)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "clip").write_text("sound")
    (project.root / "data" / "raw").mkdir(parents=True)
    (project.root / "data" / "raw" / "set").symlink_to(tmp_path / "set")
    (project.root / ".gitignore").write_text("/data/\n/logs/\n")
    (project.root / "dvc.yaml").write_text(PIPELINE)
    project.write_params(model={"unfreeze_last_n": 4})
    project.dvc("repro")
    project.commit()
    return project


def test_a_sweep_of_three_values_runs_two_at_a_time(project: Project) -> None:
    slow = [project.slow(f"score-{number}") for number in (0, 2, 6)]
    before = len(project.trace())
    for number in (0, 2, 6):
        change = f"model.unfreeze_last_n={number}"
        project.dvc("exp", "run", "--queue", "-S", change, "--copy-paths", "data/raw/set")
    assert len(project.trace()) == before
    # Not project.dvc: the queue's workers would keep its pipe open until the last experiment.
    start = [sys.executable, "-m", "dvc", "queue", "start", "-j", "2", "--quiet"]
    subprocess.run(
        start, cwd=project.root, env=project.variables, stdout=subprocess.DEVNULL, check=True
    )
    # Two begin, and wait for one another.
    wait_until(lambda: len(project.trace()) == before + 2)
    for file in slow:
        file.unlink()
    wait_until(lambda: len(project.trace()) == before + 6, 120)
    wait_until(lambda: project.dvc("queue", "status").count("Success") == 3)
    # `source` is up to date in each, and found in the cache.
    assert sorted(set(project.begun()) - {"source", "score-4"}) == ["score-0", "score-2", "score-6"]
    assert project.begun().count("source") == 1
    _, commit = json.loads(project.dvc("exp", "show", "--json"))
    values = {
        run["revs"][-1]["data"]["params"]["params.yaml"]["data"]["model"]["unfreeze_last_n"]
        for run in commit["experiments"]
    }
    assert values == {0, 2, 6}
    assert project.run("git", "status", "--porcelain") == ""
