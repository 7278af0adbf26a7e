"""Spectrograms of single clips and of collections."""

from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import EarwitnessError
from earwitness.features.collection import compute_features
from earwitness.features.spectrogram import SpectrogramFrontEnd
from earwitness.schema.features import WaveformParams
from earwitness.store.arrays import ArrayReader, ArrayWriter
from tests.trained import FEATURES

PARAMS = replace(FEATURES, n_fft=1024, win_samples=800, n_mels=64)


def noise(samples: int = 16000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def write_audio(path: Path, clips: np.ndarray) -> Path:
    with ArrayWriter(path, {"clips": (clips.shape, "float32")}, {"sample_rate": 16000}) as writer:
        writer.write("clips", slice(None), clips)
    return path


def test_log_mel_is_librosas() -> None:
    waveform = noise()
    mel = librosa.feature.melspectrogram(
        y=waveform,
        sr=16000,
        n_fft=1024,
        win_length=800,
        hop_length=320,
        n_mels=64,
        fmin=20.0,
        fmax=8000.0,
        pad_mode="constant",
    )
    expected = librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=80.0)
    np.testing.assert_allclose(SpectrogramFrontEnd(PARAMS)(waveform)[0], expected, atol=1e-3)


@pytest.mark.parametrize("center", [True, False])
def test_frames_are_counted_before_they_are_made(center: bool) -> None:
    front_end = SpectrogramFrontEnd(replace(PARAMS, center=center))
    for samples in (2000, 16000, 16001):
        assert front_end(noise(samples)).shape == front_end.shape(samples)


@settings(max_examples=20, deadline=None)
@given(
    level=st.floats(0, 1000, width=32), offset=st.floats(-1, 1, width=32), seed=st.integers(0, 99)
)
def test_any_finite_clip_has_finite_features(level: float, offset: float, seed: int) -> None:
    clip = noise(4000, seed) * np.float32(level) + np.float32(offset)
    features = SpectrogramFrontEnd(PARAMS)(clip)
    assert np.isfinite(features.astype(np.float16)).all()


def test_a_silent_clip_has_finite_features() -> None:
    features = SpectrogramFrontEnd(PARAMS)(np.zeros(16000, np.float32))
    assert np.isfinite(features).all()


def test_no_clip_depends_on_its_neighbours(tmp_path: Path) -> None:
    clips = np.stack([noise(8000, seed) * 10.0**-seed for seed in range(4)])
    audio = write_audio(tmp_path / "audio.h5", clips)
    compute_features(audio, PARAMS, tmp_path / "features.h5")
    with ArrayReader(tmp_path / "features.h5") as reader:
        stored = reader.read("features")
        assert reader.attrs["pcen_backend"] == "librosa"
    for row, clip in zip(stored, clips, strict=True):
        alone = SpectrogramFrontEnd(PARAMS)(clip).astype(np.float16)
        assert np.array_equal(row, alone)


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    audio = write_audio(tmp_path / "audio.h5", np.stack([noise(8000), noise(8000, 1)]))
    for name in ("a.h5", "b.h5"):
        compute_features(audio, PARAMS, tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_clips_shorter_than_a_window_are_refused(tmp_path: Path) -> None:
    audio = write_audio(tmp_path / "audio.h5", np.zeros((2, 500), np.float32))
    with pytest.raises(EarwitnessError, match="500 samples are shorter"):
        compute_features(audio, PARAMS, tmp_path / "features.h5")
    assert not (tmp_path / "features.h5").exists()


def test_channels_are_stored_in_the_order_asked_for() -> None:
    waveform = noise(16000)
    both = SpectrogramFrontEnd(PARAMS)(waveform)
    for channels, rows in ((("log_mel",), [0]), (("pcen",), [1]), (("pcen", "log_mel"), [1, 0])):
        front_end = SpectrogramFrontEnd(replace(PARAMS, channels=channels))
        assert np.array_equal(front_end(waveform), both[rows])


def test_a_network_may_read_the_waveform_itself(tmp_path: Path) -> None:
    clips = np.stack([noise(1600), -noise(1600)])
    audio = tmp_path / "audio.h5"
    write_audio(audio, clips)
    compute_features(audio, WaveformParams("waveform", 16000, "float32"), tmp_path / "out.h5")
    with ArrayReader(tmp_path / "out.h5") as reader:
        assert np.array_equal(reader.read("features"), clips[:, None, None])
