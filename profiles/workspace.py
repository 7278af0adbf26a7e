"""A folder with a copy of the pipeline and with parameters, results and a cache of its own.

The repository's own params.yaml, dvc.lock and metrics are not touched. The cache stays, so that
a second run only does what has changed.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from earwitness.errors import EarwitnessError

REPOSITORY = Path(__file__).resolve().parent.parent
COPIED = (Path("earwitness"), Path("stages"), Path("dvc.yaml"), Path(".dvcignore"))
TEMPLATES = Path(".dvc", "plots")
INCOMING = Path("models", "pretrained", "incoming")
# Variables that name folders: stages run in another one than who set them.
FOLDERS = ("EARWITNESS_DATA", "EARWITNESS_WEIGHTS")
PATIENCE_SECONDS = 30


class Workspace:
    """A workspace in the repository, made or brought up to date.

    Parameters
    ----------
    folder : Path
        Relative to the repository; ignored by git and by DVC.
    params : str
        Text of its params.yaml.
    empty : bool
        Whether what an earlier run has left is removed.

    Raises
    ------
    EarwitnessError
        If another process works in it.
    """

    def __init__(self, folder: Path, params: str, *, empty: bool = False) -> None:
        self.root = REPOSITORY / folder
        self.root.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.root)  # until this process ends
        if empty and self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir(exist_ok=True)
        for path in COPIED:
            self.copy(path)
        (self.root / "params.yaml").write_text(params, encoding="utf-8")
        config = self.root / ".dvc" / "config"
        if not config.is_file():
            # --no-scm: the workspace is ignored by git, and DVC must not write to its index.
            self.run("dvc", "init", "--no-scm", "--force", "--quiet")
            self.run("dvc", "config", "core.analytics", "false")
            self.run("dvc", "config", "core.check_update", "false")
        # After `dvc init`, which removes what is in its folder.
        shutil.copytree(REPOSITORY / TEMPLATES, self.root / TEMPLATES, dirs_exist_ok=True)
        # A workspace of an earlier version has no page for the plots yet.
        if "html_template" not in config.read_text(encoding="utf-8"):
            self.run("dvc", "config", "plots.html_template", "plots/page.html")
        # Weights that somebody put there, or that were downloaded once, are there for all.
        incoming = self.root / INCOMING
        if not os.path.lexists(incoming):
            (REPOSITORY / INCOMING).mkdir(parents=True, exist_ok=True)
            incoming.parent.mkdir(parents=True, exist_ok=True)
            incoming.symlink_to(REPOSITORY / INCOMING, target_is_directory=True)

    def copy(self, path: Path) -> None:
        """Replace a file or folder by a fresh copy of the repository's.

        Parameters
        ----------
        path : Path
            Relative to the repository, and to the workspace.
        """
        source, target = REPOSITORY / path, self.root / path
        if source.is_file():
            shutil.copyfile(source, target)
            return
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))

    def run(self, *arguments: str) -> None:
        """Run ``python -m <arguments>`` in the workspace.

        Raises
        ------
        EarwitnessError
            If it fails; it has told why.
        """
        run_module(arguments, self.root)


def run_module(arguments: Sequence[str], folder: Path) -> None:
    """Run ``python -m <arguments>`` in a folder.

    Parameters
    ----------
    arguments : sequence of str
        A module and its arguments.
    folder : Path
        Where to run it.

    Raises
    ------
    EarwitnessError
        If it fails; it has told why.
    KeyboardInterrupt
        After Ctrl-C, once the module, which was interrupted as well, has ended.
    """
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=folder, env=_environment())
    try:
        status = process.wait()
    except KeyboardInterrupt:
        # Not subprocess.run, which kills after a quarter of a second: DVC would be cut off while
        # it writes its lock file.
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        raise
    if status:
        raise EarwitnessError(f"`python -m {' '.join(arguments)}` failed in {folder}")


def _lock(root: Path) -> int:
    """Take the lock of a workspace: a second start would change its code under the first."""
    descriptor = os.open(root.with_name(f"{root.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise EarwitnessError(
            f"another process works in {root}: wait until it has ended, or end it"
        ) from error
    return descriptor


def _environment() -> dict[str, str]:
    """Return the environment of the stages: their plain `python` is the one that runs this."""
    variables = dict(os.environ)
    # Not resolve(): the interpreter of a virtual environment is a link out of it.
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])
    variables["DVC_NO_ANALYTICS"] = "1"
    for name in FOLDERS:
        if variables.get(name):
            variables[name] = str(Path(variables[name]).expanduser().absolute())
    # It would lead a stage away from the workspace's own code.
    variables.pop("PYTHONPATH", None)
    return variables
