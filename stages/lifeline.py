"""A stage ends with the dvc that runs it.

Left alone, a stage whose dvc was killed goes on, and would write its outputs over those of
whatever runs next. DVC cannot prevent it: it is no more.
"""

import contextlib
import os
import threading
import time

import psutil

POLL_SECONDS = 0.1


def end_with_dvc() -> None:
    """End this process, without a last word, as soon as the dvc that started it is gone.

    Nothing happens to a stage that a person started by hand.
    """
    if "DVC_STAGE" not in os.environ:  # set by DVC for the commands it runs
        return
    dvc = _find_dvc()
    if dvc is not None:
        threading.Thread(target=_follow, args=(dvc,), daemon=True, name="lifeline").start()


def _find_dvc() -> psutil.Process | None:
    # The nearest ancestor that is no shell around this very command; some shells stay, others
    # make way for it.
    for process in psutil.Process().parents():
        try:
            if not any("-m stages " in word for word in process.cmdline()):
                return process
        except psutil.Error:  # already gone, or another user's
            return process
    return None


def _follow(dvc: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        # Dead is dead, even where nobody collects it, as in a container without an init.
        while dvc.is_running() and dvc.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_SECONDS)
    os._exit(1)
