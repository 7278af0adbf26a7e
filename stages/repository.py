"""Whether git and DVC are in a state to reproduce and to run experiments."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from earwitness.checkup.finding import Finding

TRACKED = ("dvc.yaml", "dvc.lock", "params.yaml")
CONFLICT = "<<<<<<< "


def check_repository(root: Path) -> Iterator[Finding]:
    """Look at the repository in which stages are going to run.

    Parameters
    ----------
    root : Path
        Where params.yaml is.

    Yields
    ------
    Finding
        On the points "dvc" and "git".
    """
    yield _check_dvc(root)
    yield _check_git(root)


def _check_dvc(root: Path) -> Finding:
    if not (root / ".dvc").is_dir() or not (root / "dvc.yaml").is_file():
        here = root.resolve()
        return Finding(
            "dvc", "problem", f"{here} is no DVC repository: change to the one with dvc.yaml"
        )
    for name in TRACKED:
        path = root / name
        if path.is_file() and CONFLICT in path.read_text(encoding="utf-8"):
            text = f"{name} has conflict markers of git: see CONTRIBUTING.md on merging results"
            return Finding("dvc", "problem", text)
    if Path(shutil.which("python") or "").parent != Path(sys.executable).parent:
        text = (
            f"stages run `python`, which is {shutil.which('python') or 'nowhere'} here and not "
            f"{sys.executable}: activate the environment before `dvc repro`"
        )
        return Finding("dvc", "note", text)
    return Finding("dvc", "ok", "dvc.yaml, dvc.lock and params.yaml are without conflicts")


def _check_git(root: Path) -> Finding:
    needs = "`dvc exp run` needs"
    if _git(root, "rev-parse", "--verify", "HEAD"):
        return Finding("git", "note", f"{needs} a git repository with a commit, which is not here")
    if _git(root, "var", "GIT_COMMITTER_IDENT"):
        text = f"{needs} your name: git config user.name NAME; git config user.email ADDRESS"
        return Finding("git", "note", text)
    if not _git(root, "rev-parse", "--verify", "MERGE_HEAD"):
        return Finding("git", "note", f"{needs} the merge that has begun to be finished first")
    return Finding("git", "ok", "a commit and an identity, as `dvc exp run` needs")


def _git(root: Path, *arguments: str) -> bool:
    """Whether a git command fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except OSError:
        return True
    return done.returncode != 0
