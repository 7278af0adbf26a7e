import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from earwitness.repro.children import Children, Stopped
from earwitness.repro.job import Job
from earwitness.repro.plugin import JobPlugin
from tests.repro.project import gone, wait_until

# The shell leaves a process in the background that does not mind SIGINT.
BOTH = "sleep 60 & echo $!; echo $$; exec sleep 60"


def start(children: Children, log: Path, command: str) -> "tuple[threading.Thread, list[object]]":
    """Run a shell command in a thread; its result or exception comes into the list."""
    results: list[object] = []

    def work() -> None:
        with log.open("wb") as stream:
            try:
                shell = ["sh", "-c", command]
                results.append(children.run("key", shell, log.parent, os.environ, stream))
            except Stopped as stopped:
                results.append(stopped)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, results


def test_status_and_output(tmp_path: Path) -> None:
    thread, results = start(Children(), tmp_path / "log", "echo out; echo err >&2; exit 3")
    thread.join()
    assert results == [3]
    assert (tmp_path / "log").read_text() == "out\nerr\n"


@pytest.mark.parametrize("end", [lambda c: c.stop("key"), Children.close], ids=["stop", "close"])
def test_a_command_ends_with_all_that_it_has_started(
    tmp_path: Path, end: Callable[[Children], None]
) -> None:
    children, log = Children(), tmp_path / "log"
    thread, results = start(children, log, BOTH)
    wait_until(lambda: log.exists() and len(log.read_text().split()) == 2)
    end(children)
    thread.join(20)
    assert [type(result) for result in results] == [Stopped]
    assert all(gone(int(pid)) for pid in log.read_text().split())
    # Nor does another begin.
    thread, results = start(children, log, "echo again")
    thread.join(20)
    assert [type(result) for result in results] == [Stopped]


def test_a_stage_sees_the_gpus_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    plugin = JobPlugin(Job("job", None, None, {}))
    plugin.gpus = ["4", "7"]
    with plugin.taking_gpus(1) as first, plugin.taking_gpus(1) as second:
        assert {*first.values(), *second.values()} == {"4", "7"}
    with plugin.taking_gpus(2) as both, plugin.taking_gpus(0) as none:
        assert both == {"CUDA_VISIBLE_DEVICES": "4,7"}
        assert none == {}
