"""Trained models, weights and states that were made to do harm."""

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from earwitness.__main__ import main
from earwitness.backbones import aisfx, speech
from earwitness.backbones.aisfx import CHECKPOINT_MEMBER
from earwitness.backbones.mn04 import convert
from earwitness.backbones.registry import get_record
from earwitness.backbones.weights import load_backbone
from earwitness.errors import EarwitnessError
from earwitness.inference.member import load_member
from earwitness.training.state import TrainingState
from tests.hostile.corpus import encode

CPU = torch.device("cpu")


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.mark}'",)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What a payload leaves where it runs, as this one does when it is loaded plainly."""
    path = tmp_path / "mark"
    pickle.loads(pickle.dumps(Payload(path)))
    assert path.exists(), "the payload is dead: these tests would prove nothing"
    path.unlink()
    return path


@pytest.fixture(params=["pickle", "torch"])
def armed(request: pytest.FixtureRequest, tmp_path: Path, mark: Path) -> Path:
    """A file that holds a live payload, as a plain pickle or in torch's own format."""
    path = tmp_path / "armed.pt"
    content = {"run": "run", "content": {"weights": torch.zeros(2)}, "x": Payload(mark)}
    if request.param == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    return path


def test_published_weights_with_a_payload(armed: Path, mark: Path) -> None:
    with pytest.raises(EarwitnessError, match=r"armed\.pt does not hold the mn04 model"):
        convert(get_record("mn04"), armed)
    assert not mark.exists()


def test_a_speech_model_with_a_payload(armed: Path, mark: Path) -> None:
    with pytest.raises(EarwitnessError, match=r"armed\.pt does not hold the wav2vec2_base model"):
        speech.convert(get_record("wav2vec2_base"), armed)
    assert not mark.exists()


def test_a_wheel_with_a_payload(armed: Path, mark: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "aisfx.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.write(armed, CHECKPOINT_MEMBER)
    with pytest.raises(EarwitnessError, match=r"aisfx\.whl does not hold the aisfx model"):
        aisfx.convert(get_record("aisfx"), wheel)
    assert not mark.exists()


def test_a_training_state_with_a_payload(armed: Path, mark: Path) -> None:
    assert TrainingState(armed, "run").load() is None
    assert not mark.exists()


def test_converted_weights_with_a_payload(armed: Path, mark: Path) -> None:
    with pytest.raises(EarwitnessError, match="not a readable safetensors file"):
        load_backbone("yamnet", armed)
    assert not mark.exists()


@pytest.fixture
def member(models: Path, tmp_path: Path) -> Path:
    """A copy of a trained network, to be spoilt."""
    folder = tmp_path / "members" / "spec_cnn" / "fold1"
    folder.mkdir(parents=True)
    for file in (models / "members" / "spec_cnn" / "fold1").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def weights_of(member: Path) -> Path:
    (path,) = member.glob("*.safetensors")
    return path


def test_a_member_with_a_payload(member: Path, armed: Path, mark: Path) -> None:
    weights_of(member).write_bytes(armed.read_bytes())
    with pytest.raises(EarwitnessError, match=r"cannot read.*train it again"):
        load_member(member, CPU)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\xff" * 500, b"\0" * 500])
def test_a_member_with_damaged_weights(member: Path, content: bytes) -> None:
    weights_of(member).write_bytes(content)
    with pytest.raises(EarwitnessError, match=r"cannot read.*train it again"):
        load_member(member, CPU)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_member_with_weights_that_are_no_numbers(member: Path, number: float) -> None:
    tensors = load_file(weights_of(member))
    name = next(name for name in tensors if tensors[name].is_floating_point())
    tensors[name].view(-1)[0] = number
    save_file(tensors, weights_of(member))
    with pytest.raises(EarwitnessError, match="NaN or infinite"):
        load_member(member, CPU)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network", "../../evil"),
        ("network", "os"),
        ("network", "layers"),
        ("network", "spec_cnn.os"),
        ("network", ["spec_cnn"]),
        ("kind", "backbone"),
        ("kind", {}),
        ("seconds", float("nan")),
        ("seconds", 1e12),
        ("seconds", "1"),
        ("resampler", "rm -rf"),
        ("sample_rate", 0),
        ("sample_rate", 10**12),
        ("sample_rate", True),
        ("classes", "dog"),
        ("classes", [{"target": 0}] * 3),
        ("classes", 3),
        ("net", {"widths": [4, 8], "blocks": 10**18, "se_reduction": 4, "dropout": 0.1}),
        ("net", None),
        ("features", {"n_fft": 10**15}),
    ],
)
def test_a_member_with_another_config(member: Path, key: str, value: object) -> None:
    path = member / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(EarwitnessError, match=r"train it again|clips of \d samples"):
        load_member(member, CPU)


@pytest.mark.parametrize("content", ["[]", "3", "{}", "null", "[" * 100_000, "\0", '{"kind": 3}'])
def test_a_config_that_is_none(member: Path, content: str) -> None:
    (member / "config.json").write_text(content)
    with pytest.raises(EarwitnessError, match="train"):
        load_member(member, CPU)


FOLD = {
    "weights": {"spec_cnn": 1.0},
    "temperatures": {"spec_cnn": 1.0},
    "tta_shifts_seconds": [0.0],
}
GOOD = {"members": ["spec_cnn"], "folds": {"1": FOLD}}


@pytest.mark.parametrize(
    "changes",
    [
        {"members": ["../../elsewhere"]},
        {"members": ["/etc"]},
        {"members": []},
        {"members": "spec_cnn"},
        {"members": [3]},
        {"folds": {}},
        {"folds": {"../1": FOLD}},
        {"folds": {"1": {}}},
        {"folds": {"1": FOLD | {"weights": {"spec_cnn": float("nan")}}}},
        {"folds": {"1": FOLD | {"weights": {"spec_cnn": -1.0}}}},
        {"folds": {"1": FOLD | {"weights": {}}}},
        {"folds": {"1": FOLD | {"temperatures": {"spec_cnn": 0.0}}}},
        {"folds": {"1": FOLD | {"temperatures": {"spec_cnn": "1"}}}},
        {"folds": [FOLD]},
        {"folds": {"1": FOLD | {"tta_shifts_seconds": []}}},
        {"folds": {"1": FOLD | {"tta_shifts_seconds": [float("inf")]}}},
        {"folds": {"1": FOLD | {"tta_shifts_seconds": [None]}}},
    ],
)
def test_an_ensemble_that_was_tampered_with(
    member: Path, changes: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    models = member.parents[2]
    sound = models / "a.wav"
    sound.write_bytes(encode("WAV"))
    path = models / "ensemble.json"
    path.write_text(json.dumps(GOOD))
    assert main(["predict", str(sound), "--model", str(models)]) == 0
    path.write_text(json.dumps(GOOD | changes))
    capsys.readouterr()
    assert main(["predict", str(sound), "--model", str(models)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "ensemble.json is damaged" in said.err


@pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, "\0", '{"members": {}}'])
def test_a_file_that_is_no_ensemble(
    member: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    models = member.parents[2]
    (models / "a.wav").write_bytes(encode("WAV"))
    (models / "ensemble.json").write_text(content)
    assert main(["predict", str(models / "a.wav"), "--model", str(models)]) == 2
    assert "ensemble.json is damaged" in capsys.readouterr().err
