"""The processes that a worker has started, none of which outlives it."""

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

GUARD = Path(__file__).with_name("guard.py")


class Stopped(Exception):
    """The command was ended, or not even begun, because its stage is no longer wanted."""


class Children:
    """Commands that run for keys of tasks, and can be ended by them from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopped: set[str] = set()
        self._closed = False

    def run(
        self,
        key: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        log: IO[bytes],
    ) -> int:
        """Run a command in a session of its own and wait for it.

        Parameters
        ----------
        key : str
            Of the task that it is for; at most one command a key runs at a time.
        command : sequence of str
            Program and arguments.
        folder : Path
            Where it runs.
        environment : mapping
            Its environment.
        log : file
            Where its output goes.

        Returns
        -------
        int
            Its exit status.

        Raises
        ------
        Stopped
            If `stop` was called for the key, or `close`.
        """
        with self._lock:
            if self._closed or key in self._stopped:
                raise Stopped(key)
            process = subprocess.Popen(
                [sys.executable, str(GUARD), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )
            self._running[key] = process
        status = process.wait()
        with self._lock:
            del self._running[key]
            _let_go(process)
            if self._closed or key in self._stopped:
                raise Stopped(key)
        return status

    def stop(self, key: str) -> None:
        """End the command of a task and let it begin no other; returns at once."""
        with self._lock:
            self._stopped.add(key)
            if key in self._running:
                _let_go(self._running[key])

    def close(self) -> None:
        """End all commands, let no other begin, and wait until the last is gone."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
            for process in running:
                _let_go(process)
        for process in running:
            process.wait()


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
