"""Run the pipeline on the clips of this folder, in a workspace of its own (`make demo`).

The workspace is ``.demo/`` in the repository: copies of the code, of ``dvc.yaml`` and of the
clips, with ``demo/params.yaml`` as its parameters. The repository's own params.yaml, dvc.lock
and metrics are not touched. The cache in ``.demo/.dvc`` stays, so that a second run only does
what has changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
WORKSPACE = REPOSITORY / ".demo"
CLIPS = Path("demo", "esc10-mini")
CODE = (Path("earwitness"), Path("stages"))


def copy_folder(folder: Path) -> None:
    """Replace a folder of the workspace by a fresh copy of the repository's.

    Parameters
    ----------
    folder : Path
        Relative to the repository, and to the workspace.
    """
    target = WORKSPACE / folder
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(
        REPOSITORY / folder, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )


def environment() -> dict[str, str]:
    """Return the environment of the stages: their plain `python` is the one that runs this."""
    variables = dict(os.environ)
    # Not resolve(): the interpreter of a virtual environment is a link out of it.
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])
    variables["DVC_NO_ANALYTICS"] = "1"
    # Either would lead a stage away from the workspace's own code or clips.
    for name in ("PYTHONPATH", "EARWITNESS_DATA"):
        variables.pop(name, None)
    return variables


def run(*arguments: str, folder: Path = WORKSPACE) -> None:
    """Run ``python -m <arguments>`` in a folder; stop with its status when it fails."""
    status = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment(), check=False
    ).returncode
    if status:
        print(f"demo: `python -m {' '.join(arguments)}` failed in {folder}", file=sys.stderr)
        sys.exit(status)


def build_workspace() -> None:
    """Bring ``.demo/`` up to date with the repository, keeping its cache and its results."""
    WORKSPACE.mkdir(exist_ok=True)
    for folder in (*CODE, CLIPS):
        copy_folder(folder)
    templates = Path(".dvc", "plots")
    shutil.copytree(REPOSITORY / templates, WORKSPACE / templates, dirs_exist_ok=True)
    shutil.copyfile(REPOSITORY / "dvc.yaml", WORKSPACE / "dvc.yaml")
    shutil.copyfile(REPOSITORY / ".dvcignore", WORKSPACE / ".dvcignore")
    shutil.copyfile(REPOSITORY / "demo" / "params.yaml", WORKSPACE / "params.yaml")
    if not (WORKSPACE / ".dvc" / "config").is_file():
        # --no-scm: the workspace is ignored by git, and DVC must not write to its index.
        run("dvc", "init", "--no-scm", "--force", "--quiet")
        run("dvc", "config", "core.analytics", "false")
        run("dvc", "config", "core.check_update", "false")
    # A workspace of an earlier version has no page for the plots yet.
    if "html_template" not in (WORKSPACE / ".dvc" / "config").read_text(encoding="utf-8"):
        run("dvc", "config", "plots.html_template", "plots/page.html")


def main() -> None:
    """Build the workspace, reproduce the pipeline there, say where the results are."""
    build_workspace()
    run("dvc", "repro")
    print()
    run("stages.show", WORKSPACE.name, folder=REPOSITORY)
    print(
        "\nThat was the demo: 100 clips, which show that everything works, not how well.\n"
        "Next, on all of ESC-50 (2,000 clips):\n"
        "  make repro DATA=/path/to/ESC-50   with a copy you have, in any of its layouts\n"
        "  make repro                        to download it first"
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
