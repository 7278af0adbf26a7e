"""DVC and git, through their command lines."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from earwitness.errors import EarwitnessError

# Simultaneous stages meet at DVC's lock when they start and when they store their results. By
# default DVC gives up on it after three seconds.
DVC = (sys.executable, "-m", "dvc", "--wait-for-lock")


def environment() -> dict[str, str]:
    """Return this process's environment, in which `python` is the interpreter that runs it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path}


def run_dvc(root: Path, *arguments: str) -> str:
    """Run a DVC command and wait for it.

    Parameters
    ----------
    root : Path
        The repository.
    *arguments : str
        The command, e.g. ``"status", "--json"``.

    Returns
    -------
    str
        What it printed to standard output.

    Raises
    ------
    EarwitnessError
        If it fails; with DVC's own message.
    """
    return _run(root, f"dvc {arguments[0]}", [*DVC, *arguments])


def read_status(root: Path, *stages: str) -> dict[str, Any]:
    """Ask DVC what is not up to date.

    Parameters
    ----------
    root : Path
        The repository.
    *stages : str
        Which stages to look at; default: all.

    Returns
    -------
    dict
        For each stage that is not, what has changed.

    Raises
    ------
    EarwitnessError
        If DVC cannot tell.
    """
    status: dict[str, Any] = json.loads(run_dvc(root, "status", "--json", *stages) or "{}")
    return status


def run_git(root: Path, *arguments: str) -> str:
    """Run a git command and return its output, as `run_dvc` does."""
    return _run(root, f"git {arguments[0]}", ["git", *arguments])


def _run(root: Path, name: str, command: list[str]) -> str:
    done = subprocess.run(
        command, cwd=root, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise EarwitnessError(f"`{name}` failed in {root}: {message}")
    return done.stdout
