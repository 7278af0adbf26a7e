"""`python -m earwitness repro` on this machine, beside `dvc repro` itself."""

import signal
from typing import Any

import pytest
from dask.system import CPU_COUNT

from earwitness.repro.run import reproduce
from tests.repro.project import STAGES, Project, gone, wait_until


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `reproduce` in this process, with a project's environment."""

    def run(project: Project, *targets: str, **options: Any) -> Any:
        for name, value in project.variables.items():
            monkeypatch.setenv(name, value)
        return reproduce(project.root, targets, **options)

    return run


def most_cores(project: Project) -> int:
    """The cores that stages took at one time, by what params.yaml says that they take."""
    taken = highest = 0
    for note in project.trace():
        cores = CPU_COUNT if note["stage"] == "source" else 1
        taken += cores if note["what"] == "begin" else -cores
        highest = max(highest, taken)
    return highest


def test_two_at_a_time_leave_what_dvc_repro_leaves(project: Project, by_dvc: Project) -> None:
    slow = [project.slow(f"part@{i}") for i in (1, 2) if CPU_COUNT > 1]
    process = project.start("-j", "2")
    # Both last until both have begun: one after the other, they would wait in vain.
    wait_until(lambda: {"part@1", "part@2"} <= {*project.begun()} or not slow)
    for file in slow:
        file.unlink()
    output, _ = process.communicate(timeout=240)
    assert "Stages: 6 ran" in output
    assert sorted(project.begun()) == sorted(STAGES)
    assert project.files() == by_dvc.files()
    assert "part@1 at work" in (project.root / "logs" / "part@1.log").read_text()
    assert most_cores(project) <= CPU_COUNT


def test_stages_that_need_the_whole_memory_run_one_after_the_other(project: Project) -> None:
    memory = {"default": 0.1, "part": 1e6}
    project.write_params(repro={"threads": {}, "memory_gb": memory, "gpu": []})
    slow = [project.slow(f"part@{i}") for i in (1, 2)]
    process = project.start("-j", "2", "join")
    wait_until(lambda: {"part@1", "part@2"} & {*project.begun()} != set(), 240)
    # A worker opens the log of a stage as it takes it on, seconds before DVC has loaded.
    assert len(list((project.root / "logs").glob("part@*.log"))) == 1
    for file in slow:
        file.unlink()
    assert "Stages: 4 ran" in process.communicate(timeout=240)[0]


def test_only_what_has_changed_runs(done: Project, inside: Any) -> None:
    before = len(done.trace())
    assert inside(done).outcomes == []
    done.write_params(parts=[1, 2, 3])
    result = inside(done)
    assert (result.failures, result.left) == ([], [])
    ran = [note["stage"] for note in done.trace()[before:] if note["what"] == "begin"]
    assert ran == ["part@3", "join", "score"]


def test_what_the_caller_says_of_memory_holds(
    done: Project, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(done.trace())
    done.write_params(parts=[1, 2, 4])
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert len(inside(done, "part@4").outcomes) == 1
    assert [note["trim"] for note in done.trace()[before:]] == ["1000", "1000"]


def test_a_failure_stops_what_depends_on_it_and_nothing_else(project: Project) -> None:
    project.fail("part@2")
    output = project.repro("join", "other", status=1)
    assert sorted(project.begun()) == ["other", "part@1", "part@2", "source"]
    assert "part@2 failed" in output
    assert f"{project.root / 'logs' / 'part@2.log'} ends with" in output
    assert "part@2 cannot go on" in output
    assert "Not run for that reason: join\n" in output


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_no_stage_outlives_the_one_who_runs_it(
    project: Project, number: signal.Signals, status: int
) -> None:
    project.slow("other")
    process = project.start("other")
    stage = project.wait_for("other")
    process.send_signal(number)
    assert process.wait(30) == status
    assert gone(stage["pid"])
    assert project.begun() == ["other"]
