"""A fold's models become files; what a format cannot do is written down and stops nothing."""

import errno
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from earwitness.ensemble import combine
from earwitness.errors import EarwitnessError
from earwitness.export import writing
from earwitness.export.exporting import FittedFold, export_fold
from earwitness.export.graphs import rolled_copies
from earwitness.export.parity import pick_clips
from earwitness.export.runtime import OnnxModel
from earwitness.inference.member import load_member
from earwitness.inference.prediction import augmented
from earwitness.schema.export import ExportParams
from stages.__main__ import main
from tests.export.members import clips, write_network
from tests.workspace import small_params, write_workspace

pytestmark = pytest.mark.uncovered
CPU = torch.device("cpu")
SHIFTS = (0.0, -0.1, 0.1)
FITTED = FittedFold(
    1,
    {"spec_cnn": 0.4, "low": 0.7, "idle": 0.0},
    {"spec_cnn": 1.5, "low": 0.8, "idle": 3.0},
    SHIFTS,
)
ONNX = ExportParams(fold=None, formats=("onnx",), time_shifts=True, clips=3, tolerance=0.01)
NONE = replace(ONNX, formats=("torchscript",))


@pytest.fixture(scope="module")
def folders(
    member_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Members of three rates, of which one has no weight."""
    root = tmp_path_factory.mktemp("members")
    return {
        "spec_cnn": member_folder("spec_cnn"),
        "low": write_network(root / "low" / "fold1", "conv1d", 8000, "low"),
        "idle": write_network(root / "idle" / "fold1", "conv1d", 44100, "idle"),
    }


@pytest.fixture
def one(tmp_path: Path) -> tuple[dict[str, Path], FittedFold]:
    """The smallest ensemble there is, of a network that scripts."""
    folder = write_network(tmp_path / "conv1d" / "fold1", "conv1d")
    return {"conv1d": folder}, FittedFold(1, {"conv1d": 0.9}, {"conv1d": 1.5}, (0.0,))


@pytest.fixture(scope="module")
def exports(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    target = tmp_path_factory.mktemp("work") / "exports"
    return target, export_fold(folders, FITTED, clips, ONNX, target)


def test_all_models_are_there_and_agree(exports: tuple[Path, dict[str, Any]]) -> None:
    target, report = exports
    assert set(report) == {"spec_cnn", "low", "idle", "ensemble"}
    for model, formats in report.items():
        assert 0 <= formats["onnx"]["max_abs_difference"] < 0.002
        assert formats["onnx"]["top1_agreement"] == 1.0
        assert (target / f"{model}.onnx").is_file()
        config = json.loads((target / model / "config.json").read_text())
        assert config["files"] == formats
        assert config["export"]["classes"] == ["dog", "rain", "saw"]


def test_a_state_dict_is_a_member_again(
    exports: tuple[Path, dict[str, Any]], folders: dict[str, Path]
) -> None:
    target, report = exports
    for name, folder in folders.items():
        again, member = load_member(target / name, CPU), load_member(folder, CPU)
        waveforms = clips(member.sample_rate)
        assert np.array_equal(again.logits(waveforms), member.logits(waveforms))
        assert report[name]["safetensors"] == {"max_abs_difference": 0.0, "top1_agreement": 1.0}


def test_the_ensemble_pools_as_it_was_fitted(
    exports: tuple[Path, dict[str, Any]], folders: dict[str, Path]
) -> None:
    waveforms = {rate: clips(rate) for rate in (8000, 16000, 44100)}
    members = {name: load_member(folder, CPU) for name, folder in folders.items()}
    expected = combine(
        {
            name: augmented(member, waveforms[member.sample_rate], SHIFTS).shifted.mean(axis=1)
            for name, member in members.items()
        },
        FITTED.weights,
        FITTED.temperatures,
    )
    model = OnnxModel(exports[0] / "ensemble.onnx")
    assert model.sample_rates == {8000, 16000}
    np.testing.assert_allclose(model.log_probs(waveforms), expected, atol=0.001)
    one = {rate: rows[:1] for rate, rows in waveforms.items()}
    np.testing.assert_allclose(model.log_probs(one), expected[:1], atol=0.001)


def test_a_member_without_weight_is_not_in_the_ensemble(
    exports: tuple[Path, dict[str, Any]],
) -> None:
    facts = OnnxModel(exports[0] / "ensemble.onnx").facts
    assert facts.weights == {"spec_cnn": 0.4, "low": 0.7}
    tensors = load_file(exports[0] / "ensemble" / "model.safetensors")
    assert {name.split(".")[0] for name in tensors} == {"spec_cnn", "low"}


def test_without_time_shifts_clips_are_taken_as_they_are(
    one: tuple[dict[str, Path], FittedFold], tmp_path: Path
) -> None:
    folders, fitted = one
    shifted = replace(fitted, tta_shifts_seconds=SHIFTS)
    export_fold(folders, shifted, clips, replace(ONNX, time_shifts=False), tmp_path / "out")
    model = OnnxModel(tmp_path / "out" / "ensemble.onnx")
    assert model.facts.tta_shifts_seconds == (0.0,)
    logits = {"conv1d": load_member(folders["conv1d"], CPU).logits(clips(16000))}
    expected = combine(logits, fitted.weights, fitted.temperatures)
    np.testing.assert_allclose(model.log_probs({16000: clips(16000)}), expected, atol=0.001)


@pytest.mark.parametrize("shift", [-23, -10, -3, 0, 3, 10, 13])
def test_copies_are_rolled_however_far(shift: int) -> None:
    """A shift of 1.67 s goes more than once round a clip of one second."""
    x = torch.arange(20.0).reshape(2, 10)
    torch.testing.assert_close(rolled_copies(x, [shift, 0]), torch.cat([x.roll(shift, -1), x]))


def refuse(*_: object) -> NoReturn:
    raise RuntimeError("no such operator in /home/someone/torch/ops.py at 0x7f00aa\nmore")


def test_a_format_that_fails_is_written_down_and_stops_nothing(
    one: tuple[dict[str, Path], FittedFold],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(writing.PACK, "onnx", refuse)
    params = replace(ONNX, formats=("onnx", "torchscript"))
    with caplog.at_level(logging.WARNING):
        report = export_fold(*one, clips, params, tmp_path / "out")
    reason = {"failed": "RuntimeError: no such operator in ops.py at "}
    for model in ("conv1d", "ensemble"):
        assert report[model]["onnx"] == reason
        assert report[model]["torchscript"]["max_abs_difference"] < 0.002
        config = json.loads((tmp_path / "out" / model / "config.json").read_text())
        assert config["files"]["onnx"] == reason
        assert (tmp_path / "out" / model / "model.safetensors").is_file()
        assert (tmp_path / "out" / f"{model}.torchscript.pt").is_file()
    assert not list((tmp_path / "out").glob("*.onnx"))
    assert "conv1d has no onnx file, its state dict is there" in caplog.text


def test_a_front_end_that_nobody_wrote_down_leaves_the_state_dict(
    one: tuple[dict[str, Path], FittedFold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earwitness.export.graphs.exportable_front_end", refuse)
    report = export_fold(*one, clips, ONNX, tmp_path / "out")
    assert report["conv1d"]["onnx"]["failed"].startswith("RuntimeError")
    assert report["conv1d"]["safetensors"]["max_abs_difference"] == 0.0


def test_a_file_that_says_something_else_is_not_kept(
    one: tuple[dict[str, Path], FittedFold], tmp_path: Path
) -> None:
    report = export_fold(*one, clips, replace(NONE, tolerance=1e-12), tmp_path / "out")
    assert "more than export.tolerance 1e-12" in report["conv1d"]["torchscript"]["failed"]
    assert not (tmp_path / "out" / "conv1d.torchscript.pt").exists()


def test_a_full_disk_is_no_failure_of_a_format(
    one: tuple[dict[str, Path], FittedFold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def fill(path: Path, content: bytes) -> int:
        if path.suffix == ".pt":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(EarwitnessError, match="is full"):
        export_fold(*one, clips, NONE, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_model_stops_it(one: tuple[dict[str, Path], FittedFold], tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match="does not hold a trained model"):
        export_fold({"conv1d": tmp_path / "none"}, one[1], clips, NONE, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_ensemble_of_other_members_is_told(
    one: tuple[dict[str, Path], FittedFold], tmp_path: Path
) -> None:
    with pytest.raises(EarwitnessError, match="fitted for spec_cnn, low, idle, not for conv1d"):
        export_fold(one[0], FITTED, clips, NONE, tmp_path / "out")


def test_the_stage_tells_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_workspace(tmp_path, small_params(), clips_per_fold_class=1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EarwitnessError, match=r"models/ensemble\.json does not exist: run"):
        main(["export"])
    (tmp_path / "models" / "ensemble.json").write_text('{"members": [], "folds": {"2": {}}}')
    with pytest.raises(EarwitnessError, match="has no fold 1: run `dvc repro ensemble`"):
        main(["export"])
    assert not (tmp_path / "exports").exists()


def test_clips_are_picked_from_all_over_the_fold() -> None:
    assert pick_clips(range(100, 200), 4) == [100, 133, 166, 199]
    assert pick_clips([5, 7], 8) == [5, 7]
    assert pick_clips([5, 7], 1) == [5]
