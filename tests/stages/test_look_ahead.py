"""`python -m earwitness check`, on a small workspace."""

import contextlib
import subprocess
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

import stages.__main__
from earwitness.__main__ import main
from earwitness.audio.dataset import find_clips
from earwitness.checkup.work import Work
from stages.check import _estimate
from stages.params import open_params
from stages.repository import check_repository
from tests.workspace import PIPELINE, ROOT, small_params, write_workspace

CLIPS = 18
STORES = {
    "prepare": "data/prepared/audio_16000.h5",
    "features@spec_cnn": "data/features/spec_cnn.h5",
    "trunk@yamnet": "data/trunk/yamnet.h5",
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ahead") / "workspace"
    root.mkdir()
    params = small_params()
    params["data"]["url"] = "http://127.0.0.1:9/none.zip"
    write_workspace(root, params, clips_per_fold_class=2)
    (root / ".dvc").mkdir()
    (root / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    return root


@pytest.fixture
def inside(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)
    return workspace


def check(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    code = main(["check"])
    lines = capsys.readouterr().out.splitlines()
    return code, {line.split()[1]: line.split()[0] for line in lines}


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_all_is_well_and_nothing_is_written(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(inside)
    code, levels = check(capsys)
    assert code == 0
    assert set(levels.values()) <= {"ok", "note"}
    assert {"params", "dvc", "git", "data", "weights", "disk", "memory", "time"} == set(levels)
    assert everything(inside) == before


@pytest.mark.parametrize("point", ["data", "dvc", "weights", "settings", "params"])
def test_each_problem_is_found(
    inside: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    params = YAML().load((inside / "params.yaml").read_text())
    with contextlib.ExitStack() as stack:
        if point == "data":
            params["data"]["root"] = "data/raw/none"
        elif point == "settings":
            params["runtime"]["device"] = f"cuda:{torch.cuda.device_count() + 1}"
        elif point == "params":
            params["folds"] = []
        elif point == "dvc":
            (inside / "dvc.lock").write_text("<<<<<<< HEAD\n")
            stack.callback((inside / "dvc.lock").unlink)
        else:
            weights = inside / "models/pretrained/yamnet.safetensors"
            weights.rename(inside / "kept")
            stack.callback((inside / "kept").rename, weights)
            # An index that nobody answers for.
            monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
            monkeypatch.delenv("EARWITNESS_WEIGHTS", raising=False)
        before = (inside / "params.yaml").read_text()
        stack.callback((inside / "params.yaml").write_text, before)
        YAML().dump(params, inside / "params.yaml")
        code, levels = check(capsys)
    assert code == 1
    assert [name for name, level in levels.items() if level == "problem"] == [point]


def test_estimates_of_disk_are_what_the_stages_write(inside: Path) -> None:
    clips = find_clips(Path(open_params().get("data.root", str)))[0]
    assert len(clips) == CLIPS
    works: dict[str, Work] = {work.stage: work for work in _estimate(open_params(), clips)}
    for stage in PIPELINE[:4]:
        stages.__main__.main(list(stage))
    for stage, path in STORES.items():
        written = (inside / path).stat().st_size
        assert works[stage].disk <= written <= works[stage].disk + 8192  # and HDF5's own
        assert works[stage].seconds > 0
    assert set(works) > {"train@spec_cnn", "finetune@yamnet", "predict@spec_cnn"}


def levels_of(root: Path) -> dict[str, str]:
    return {finding.point: finding.level for finding in check_repository(root)}


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def test_git_has_to_be_fit_for_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").touch()
    for variable in ("GIT_COMMITTER_NAME", "GIT_AUTHOR_NAME", "EMAIL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert levels_of(tmp_path)["git"] == "note"  # no repository
    git(tmp_path, "init", "--quiet", "--initial-branch=one")
    git(tmp_path, "config", "user.useConfigOnly", "true")
    assert levels_of(tmp_path)["git"] == "note"  # no commit
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    commit = [*identity, "commit", "--quiet", "--allow-empty", "--message", "x"]
    git(tmp_path, *commit)
    assert levels_of(tmp_path)["git"] == "note"  # no name
    git(tmp_path, "config", "user.name", "Test")
    git(tmp_path, "config", "user.email", "test@example.org")
    assert levels_of(tmp_path)["git"] == "ok"
    git(tmp_path, "checkout", "--quiet", "-b", "two")
    git(tmp_path, *commit)
    git(tmp_path, "checkout", "--quiet", "one")
    git(tmp_path, "merge", "--no-ff", "--no-commit", "two")
    assert levels_of(tmp_path)["git"] == "note"  # in the middle of a merge


def test_a_folder_without_dvc_is_a_problem(tmp_path: Path) -> None:
    assert levels_of(tmp_path)["dvc"] == "problem"
