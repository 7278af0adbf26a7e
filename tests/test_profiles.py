"""Profiles: overrides of params.yaml, run beside it."""

import os
import signal
import threading
from pathlib import Path

import pytest

from earwitness.errors import EarwitnessError
from profiles import run, workspace
from profiles.run import minutes_of_stages, overridden, profile_params, run_profile
from profiles.workspace import run_module
from stages.document import read_document
from stages.schema import load

ROOT = Path(__file__).resolve().parent.parent
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_valid_and_differs_from_the_default(name: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(profile_params(name))
    assert load(path) != load(ROOT / "params.yaml")
    override = read_document(ROOT / "profiles" / f"{name}.yaml")
    assert set(override.get("members", ())) <= set(read_document(path)["members"])


def test_sections_are_merged_and_values_replaced() -> None:
    params = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert overridden(params, {"a": {"c": [5]}}) == {"a": {"b": 1, "c": [5]}, "d": 3}
    assert params == {"a": {"b": 1, "c": [1, 2]}, "d": 3}


def test_an_unknown_key_is_named_by_its_path() -> None:
    with pytest.raises(EarwitnessError, match=r"a\.bb is not a known key; did you mean 'b'"):
        overridden({"a": {"b": 1}}, {"a": {"bb": 1}})


def test_an_unknown_profile_is_told() -> None:
    with pytest.raises(EarwitnessError, match="no profile is called 'quik'; did you mean 'quick'"):
        profile_params("quik")


def test_minutes_are_those_in_which_stages_ran(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("members: [net]\nfolds: [1, 2]\n")
    assert minutes_of_stages(tmp_path) is None
    log = tmp_path / "logs" / "stages.csv"
    log.parent.mkdir()
    rows = [
        "finished,stage,seconds,peak_mib,pid",
        "2026-01-01T11:00:00,predict@net-1,600,1,1",  # replaced by the run a day later
        "2026-01-01T11:00:00,train@net-1,600,1,1",
        "2026-01-01T11:05:00,train@net-2,600,1,1",  # half of it beside the other
        "2026-01-01T11:04:00,features@net,120,1,1",  # all of it beside that
    ]
    log.write_text("\n".join([*rows, "2026-01-02T11:00:00,predict@net-1,60,1,1"]))
    assert minutes_of_stages(tmp_path) is None
    rows += ["2026-01-02T11:00:00,predict@net-1,60,1,1", "2026-01-02T12:00:00,predict@net-2,90,1,1"]
    log.write_text("\n".join(rows))
    assert minutes_of_stages(tmp_path) == pytest.approx(15 + 1 + 1.5)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of nothing but parameters, where nothing is run."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "params.yaml").write_text("data:\n  root: data/raw/set\n")
    monkeypatch.setattr(run, "REPOSITORY", root)
    return root


def test_a_workspace_follows_the_data_set_of_the_repository(
    repository: Path, tmp_path: Path
) -> None:
    work, link = tmp_path / "work", repository / "data" / "raw" / "set"
    work.mkdir()
    (work / "params.yaml").write_text((repository / "params.yaml").read_text())
    link.parent.mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / name)
        run._link_data(work)
        assert (work / "data" / "raw" / "set").resolve() == tmp_path / name
    link.unlink()
    run._link_data(work)
    assert (work / "data" / "raw" / "set").is_symlink(), "what the workspace has, it keeps"


def test_a_data_set_outside_of_the_repository_stays_where_it_is(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "set").mkdir()
    (repository / "params.yaml").write_text(f"data:\n  root: {tmp_path / 'set'}\n")
    run._link_data(repository)
    assert (tmp_path / "set").is_dir()
    assert not (tmp_path / "set").is_symlink()


def test_a_data_set_that_has_gone_is_fetched_again(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By force: DVC restores data/fetched.json from its cache, and the data set is not there."""
    ran: list[list[str]] = []
    monkeypatch.setattr(run, "run_module", lambda arguments, folder: ran.append(arguments))
    everything = ["earwitness", "repro", "-j", "3"]
    run_profile("default", 3)
    assert ran == [["dvc", "repro", "--single-item", "--force", "fetch"], everything]
    (repository / "data" / "raw" / "set").mkdir(parents=True)
    run_profile("default", 3)
    assert ran[2:] == [everything]


def test_stages_see_the_folders_that_were_named_where_they_were_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARWITNESS_WEIGHTS", "weights")
    monkeypatch.setenv("EARWITNESS_DATA", "~/clips")
    variables = workspace._environment()
    assert variables["EARWITNESS_WEIGHTS"] == str(tmp_path / "weights")
    assert variables["EARWITNESS_DATA"] == str(Path.home() / "clips")


TIDY = """
import signal, sys, time
def end(*_):
    time.sleep(1)
    open("tidied", "w").close()
    sys.exit(3)
signal.signal(signal.SIGTERM, end)
open("ready", "w").close()
time.sleep(60)
"""


def test_after_an_interruption_what_runs_may_tidy_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.py").write_text(TIDY)
    monkeypatch.setattr(workspace, "PATIENCE_SECONDS", 0.1)

    def interrupt() -> None:
        while not (tmp_path / "ready").exists():
            threading.Event().wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_module(["slow"], tmp_path)
    assert (tmp_path / "tidied").exists()
