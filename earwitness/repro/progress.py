"""What a person sees while stages run."""

import sys
import threading

from tqdm import tqdm

from earwitness.repro.job import Outcome


class Progress:
    """A last line with the stages that run now, and one for each that has ended.

    Parameters
    ----------
    stages : int
        How many there are. The last line is only kept on a terminal.
    """

    def __init__(self, stages: int) -> None:
        shown = "{n_fmt}/{total_fmt} stages, {elapsed}{postfix}"
        self._bar = tqdm(total=stages, bar_format=shown, disable=None, dynamic_ncols=True)
        self._lock = threading.Lock()
        self._running: dict[str, str] = {}
        self._ended = 0
        self._total = stages

    def started(self, event: tuple[float, dict[str, str]]) -> None:
        """Take note of a worker's event (`distributed.Client.subscribe_topic`)."""
        stage, worker = event[1]["stage"], event[1]["worker"]
        with self._lock:
            before = self._running.get(stage)
            self._running[stage] = worker
            self._show()
        if before:
            self._say(f"{stage}: its worker {before} has gone, begun again on {worker}")

    def ended(self, outcome: Outcome) -> None:
        """Report a stage that has done its work."""
        self._end(outcome.stage, f"{outcome.what} ({outcome.seconds:.0f} s)")

    def failed(self, stage: str) -> None:
        """Report a stage that has failed."""
        self._end(stage, "FAILED")

    def skipped(self, stage: str) -> None:
        """Report a stage that cannot run."""
        self._end(stage, "not run")

    def close(self) -> None:
        """Leave the last line as it is."""
        self._bar.close()

    def _end(self, stage: str, what: str) -> None:
        with self._lock:
            self._running.pop(stage, None)
            self._ended += 1
            self._bar.update()
            self._show()
            count = f"[{self._ended:{len(str(self._total))}}/{self._total}]"
        self._say(f"{count} {stage}: {what}")

    def _show(self) -> None:
        self._bar.set_postfix_str(", ".join(self._running))

    def _say(self, line: str) -> None:
        self._bar.write(line, file=sys.stderr)
