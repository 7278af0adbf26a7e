from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from earwitness.__main__ import main
from earwitness.errors import EarwitnessError
from earwitness.repro import cluster, execute
from earwitness.repro.commands import run_dvc
from earwitness.repro.demand import Offer, read_settings
from earwitness.repro.execute import Result
from earwitness.repro.job import Job, Outcome, StageFailed
from earwitness.repro.plan import Plan
from earwitness.repro.plugin import as_resources
from earwitness.repro.progress import Progress
from earwitness.repro.report import report

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-j", "0"], "repro: --jobs 0: ask for at least one stage at a time"),
        (
            ["--remote", "store"],
            "repro: --remote store is for workers elsewhere",
        ),
    ],
)
def test_mistakes_in_the_command(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["repro", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_a_folder_without_dvc(tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match=r"`dvc \w+` failed in .*not inside of a DVC repo"):
        run_dvc(tmp_path, "status")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tls://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(EarwitnessError, match=f"no Dask scheduler answers at {address}"),
        cluster.remote_client(address),
    ):
        pass


def test_a_scheduler_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost:
        """A client without a scheduler: nothing that it asks for is answered."""

        def submit(self, *_: Any, key: str, **__: Any) -> Any:
            return SimpleNamespace(key=key, status="lost")

        def scheduler_info(self) -> Any:
            return {"workers": {"tcp://one": {"resources": as_resources(Offer(1, 4.0, 0))}}}

        def unregister_worker_plugin(self, name: str) -> None:
            raise OSError("Timed out trying to connect to tcp://one")

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    monkeypatch.setattr(execute, "as_completed", iter)
    job = Job("job", tmp_path, None, {})
    plan = Plan({"a": ()}, {})
    with pytest.raises(EarwitnessError, match="connection to the Dask cluster was lost"):
        execute.Execution(Lost(), job, tmp_path, plan, read_settings(ROOT)).run(["a"], Result())


def test_a_line_tells_of_each_stage_that_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(3)
    for stage in ("a", "b"):
        progress.started((0.0, {"stage": stage, "worker": "tcp://one"}))
    progress.ended(Outcome("a", "ran", 61.2, ""))
    progress.failed("b")
    progress.skipped("c")
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["[1/3] a: ran (61 s)", "[2/3] b: FAILED", "[3/3] c: not run"]


def test_the_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert report(Result(), tmp_path) == 0
    assert capsys.readouterr().out == "Stages: nothing to do\n"
    outcomes = [Outcome("a", "ran", 1.0, ""), Outcome("b@1", "restored", 1.0, "")]
    assert report(Result(outcomes), tmp_path) == 0
    assert capsys.readouterr().out == "Stages: 1 ran, 1 restored\n"
    log = "".join(f"line {number}\n" for number in range(100))
    failed = Result(outcomes, [StageFailed("c@x", "`dvc repro` failed", log)], ["d", "e"], ["c@x"])
    assert report(failed, tmp_path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "c@x failed: `dvc repro` failed" in lines
    assert f"{tmp_path / 'logs' / 'c@x.log'} ends with" in lines
    assert lines[-3:] == ["    line 99", "", "Not run for that reason: d, e"]
    assert report(Result(outcomes, left=["f"]), tmp_path) == 1
    assert "still finds changed: f" in capsys.readouterr().err
