"""The DVC commands of one stage, with their output in the stage's log."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO

from earwitness.repro.children import Children
from earwitness.repro.commands import DVC
from earwitness.repro.job import StageFailed


class Shell:
    """Runs commands on behalf of a stage.

    Parameters
    ----------
    stage, key : str
        The stage and its task.
    root : Path
        The repository.
    children : Children
        The worker's.
    variables : mapping of str to str
        Environment of the commands.
    log : file
        Where their output goes; open for writing.
    """

    def __init__(
        self,
        stage: str,
        key: str,
        root: Path,
        children: Children,
        variables: Mapping[str, str],
        log: IO[bytes],
    ) -> None:
        self.stage, self.root = stage, root
        self._key, self._children, self._variables, self._log = key, children, variables, log

    def dvc(self, *arguments: str) -> None:
        """Run a DVC command.

        Raises
        ------
        StageFailed
            If it fails.
        """
        command = [*DVC, *arguments]
        status = self._children.run(self._key, command, self.root, self._variables, self._log)
        if status:
            raise StageFailed(self.stage, f"`dvc {' '.join(arguments)}` failed", self.output())

    def output(self) -> str:
        """Return what the commands have printed."""
        return Path(self._log.name).read_text(encoding="utf-8", errors="replace")
