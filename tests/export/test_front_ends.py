"""Front ends in exportable operations compute what the members' own do."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from earwitness.backbones.weights import build_backbone
from earwitness.export.front_ends import NotExportable, Spectrogram, exportable_front_end
from earwitness.export.graphs import member_graph
from earwitness.export.spectrum import Pcen
from earwitness.features.pcen import pcen
from earwitness.features.spectrogram import SpectrogramFrontEnd
from earwitness.inference.member import load_member
from tests.backbones.speech_models import load_both, shrink
from tests.export.members import clips, write_backbone
from tests.nets.settings import KINDS
from tests.trained import FEATURES

CPU = torch.device("cpu")
# dB, and PCEN: rounding in float32 shows in bands far below the loudest of their frame.
TOLERANCE = 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"center": False},
        {"pad_mode": "reflect"},
        {"win_samples": 512, "n_fft": 512},
        {"win_samples": 401, "n_fft": 1024, "center": False},
        {"power": 1.0},
        {"power": 1.5},
        {"norm": None, "mel_scale": "htk", "f_min": 300.0, "f_max": 5000.0},
        {"channels": ("pcen",), "hop_samples": 160},
    ],
    ids=str,
)
def test_a_spectrogram_is_that_of_the_features(changes: dict[str, Any]) -> None:
    params = replace(FEATURES, **changes)
    own = SpectrogramFrontEnd(params)
    expected = np.stack([own(clip) for clip in clips(16000)])
    found = Spectrogram(params)(torch.from_numpy(clips(16000))).numpy()
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)


def test_silence_is_finite_and_the_same() -> None:
    silence = np.zeros((1, 16000), dtype=np.float32)
    found = Spectrogram(FEATURES)(torch.from_numpy(silence)).numpy()
    np.testing.assert_allclose(found[0], SpectrogramFrontEnd(FEATURES)(silence[0]), atol=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 3, 64, 1500])
def test_the_smoother_of_pcen_is_the_recursion(frames: int) -> None:
    mel = np.random.default_rng(0).exponential(size=(2, 5, frames)) ** 4
    rates = {"sample_rate": 16000, "hop_samples": 320}
    expected = pcen(mel, **rates, params=FEATURES.pcen)
    found = Pcen(FEATURES.pcen, **rates)(torch.from_numpy(mel.astype(np.float32))).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [*KINDS, "yamnet", "aisfx", "mn04"])
def test_a_graph_says_what_the_member_says(name: str, member_folder: Callable[[str], Path]) -> None:
    member = load_member(member_folder(name), CPU)
    waveforms = clips(member.sample_rate)
    expected = member.logits(waveforms)
    assert np.ptp(expected, axis=0).min() > 0.01, "all clips look alike: this proves nothing"
    with torch.inference_mode():
        found = member_graph(member)(torch.from_numpy(waveforms)).numpy()
    np.testing.assert_allclose(found, expected, atol=0.002, rtol=1e-4)


@pytest.mark.parametrize("name", ["yamnet", "aisfx", "mn04"])
def test_a_front_end_is_the_backbones_own(name: str, member_folder: Callable[[str], Path]) -> None:
    member = load_member(member_folder(name), CPU)
    waveforms = torch.from_numpy(clips(member.sample_rate))
    with torch.inference_mode():
        expected = build_backbone(name).front_end(waveforms)
        found = exportable_front_end(member)(waveforms)
    torch.testing.assert_close(found, expected, atol=0.001, rtol=0.001)


@pytest.mark.parametrize("bundle", ["WAV2VEC2_BASE", "WAVLM_BASE", "HUBERT_LARGE"])
def test_a_speech_model_has_one_too(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    shrink(monkeypatch, bundle)
    backbone, _ = load_both(bundle, tmp_path / "hub" / "checkpoints")
    name = bundle.lower()
    member = load_member(write_backbone(tmp_path / name / "fold1", name, backbone), CPU)
    with torch.inference_mode():
        found = member_graph(member)(torch.from_numpy(clips(16000))).numpy()
    np.testing.assert_allclose(found, member.logits(clips(16000)), atol=0.001, rtol=0.001)


def test_a_front_end_of_another_kind_is_told(member_folder: Callable[[str], Path]) -> None:
    member = load_member(member_folder("yamnet"), CPU)
    member.model.backbone = torch.nn.Identity()  # type: ignore[assignment]
    with pytest.raises(NotExportable, match="no front end of yamnet"):
        exportable_front_end(member)
