"""A folder with a copy of the pipeline and with parameters, results and a cache of its own.

The repository's own params.yaml, dvc.lock and metrics are not touched. The cache stays, so that
a second run only does what has changed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from earwitness.errors import EarwitnessError

REPOSITORY = Path(__file__).resolve().parent.parent
COPIED = (Path("earwitness"), Path("stages"), Path("dvc.yaml"), Path(".dvcignore"))
TEMPLATES = Path(".dvc", "plots")


class Workspace:
    """A workspace in the repository, made or brought up to date.

    Parameters
    ----------
    folder : Path
        Relative to the repository; ignored by git and by DVC.
    params : str
        Text of its params.yaml.
    """

    def __init__(self, folder: Path, params: str) -> None:
        self.root = REPOSITORY / folder
        self.root.mkdir(parents=True, exist_ok=True)
        for path in COPIED:
            self.copy(path)
        shutil.copytree(REPOSITORY / TEMPLATES, self.root / TEMPLATES, dirs_exist_ok=True)
        (self.root / "params.yaml").write_text(params, encoding="utf-8")
        config = self.root / ".dvc" / "config"
        if not config.is_file():
            # --no-scm: the workspace is ignored by git, and DVC must not write to its index.
            self.run("dvc", "init", "--no-scm", "--force", "--quiet")
            self.run("dvc", "config", "core.analytics", "false")
            self.run("dvc", "config", "core.check_update", "false")
        # A workspace of an earlier version has no page for the plots yet.
        if "html_template" not in config.read_text(encoding="utf-8"):
            self.run("dvc", "config", "plots.html_template", "plots/page.html")

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
        command = [sys.executable, "-m", *arguments]
        status = subprocess.run(command, cwd=self.root, env=_environment(), check=False).returncode
        if status:
            raise EarwitnessError(f"`python -m {' '.join(arguments)}` failed in {self.root}")


def _environment() -> dict[str, str]:
    """Return the environment of the stages: their plain `python` is the one that runs this."""
    variables = dict(os.environ)
    # Not resolve(): the interpreter of a virtual environment is a link out of it.
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])
    variables["DVC_NO_ANALYTICS"] = "1"
    # It would lead a stage away from the workspace's own code.
    variables.pop("PYTHONPATH", None)
    return variables
