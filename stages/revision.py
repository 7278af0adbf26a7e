"""Which code is at work, as git knows it."""

import subprocess
from pathlib import Path

CODE = ("earwitness", "stages", "dvc.yaml")
UNKNOWN = "unknown"


def code_revision(root: Path) -> dict[str, str]:
    """Name the commit that the code is of.

    It is the last one that touched the code, not simply the last one: then committing the
    results, or words in the README.md, changes nothing, and a second run writes the same bytes.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    dict
        ``commit`` (its hash) and ``code``: "as committed" or "changed since". Both are
        "unknown" where git does not have the code.
    """
    commit = _git(root, "log", "-1", "--format=%H", "--", *CODE)
    changes = _git(root, "status", "--porcelain", "--", *CODE)
    if not commit or changes is None:
        return {"commit": UNKNOWN, "code": UNKNOWN}
    return {"commit": commit, "code": "changed since" if changes else "as committed"}


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command; None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
