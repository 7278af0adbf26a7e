"""The commit that is recorded with the metrics is the one of the code."""

import subprocess
from pathlib import Path

import pytest

from stages.revision import code_revision

NOBODY = {"commit": "unknown", "code": "unknown"}


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def commit(root: Path, name: str, text: str) -> str:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    git(root, "add", name)
    git(root, "commit", "--quiet", "--message", f"Change {name}")
    return git(root, "rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


def test_only_commits_that_touch_the_code_count(repository: Path) -> None:
    first = commit(repository, "stages/a.py", "1")
    commit(repository, "metrics/summary.json", "{}")
    commit(repository, "README.md", "Words")
    assert code_revision(repository) == {"commit": first, "code": "as committed"}
    second = commit(repository, "earwitness/b.py", "1")
    assert code_revision(repository) == {"commit": second, "code": "as committed"}


@pytest.mark.parametrize("name", ["stages/a.py", "earwitness/new.py"])
def test_code_that_is_not_committed_is_told(repository: Path, name: str) -> None:
    known = commit(repository, "stages/a.py", "1")
    (repository / "params.yaml").write_text("seed: 1")
    assert code_revision(repository)["code"] == "as committed"
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("2")
    assert code_revision(repository) == {"commit": known, "code": "changed since"}


def test_without_commits_or_without_git_nothing_is_known(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code_revision(repository) == NOBODY
    commit(repository, "README.md", "Words")
    assert code_revision(repository) == NOBODY
    monkeypatch.setenv("PATH", "")
    assert code_revision(repository) == NOBODY
