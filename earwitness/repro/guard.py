"""Run a command, and end it with all it has started once standard input closes.

``python guard.py COMMAND...``, in a session of its own. Whoever starts it holds the other end
of a pipe on its standard input. The pipe closes when that process wants the command to end, and
also when it dies, even by SIGKILL: DVC alone would leave its stage running as an orphan.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

# For a stage to write what it can resume from, and for DVC to release its locks.
GRACE_SECONDS = 5.0


def end_when_closed(child: "subprocess.Popen[bytes]", ending: threading.Event) -> None:
    """Wait for the end of standard input; then end the process group, this process included."""
    while os.read(0, 1024):
        pass
    ending.set()
    os.killpg(0, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run the command; return its exit status."""
    # A handler, and not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    ending = threading.Event()
    watch = threading.Thread(target=end_when_closed, args=(child, ending), daemon=True)
    watch.start()
    status = child.wait()
    if ending.is_set():
        watch.join()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
