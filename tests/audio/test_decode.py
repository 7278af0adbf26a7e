from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audio import decode as decoding
from earwitness.audio.decode import (
    cancels,
    conform,
    decode,
    file_rate,
    fit_length,
    load_clip,
    resample,
    to_mono,
)
from earwitness.errors import EarwitnessError

SaveTone = Callable[..., Path]


@pytest.mark.parametrize("suffix", ["wav", "ogg", "flac", "mp3", "aiff"])
@pytest.mark.parametrize("channels", [1, 2])
def test_formats(tmp_path: Path, save_tone: SaveTone, suffix: str, channels: int) -> None:
    path = save_tone(tmp_path / f"a.{suffix}", rate=48000, seconds=0.5, channels=channels)
    waveform, rate = decode(path)
    assert (rate, waveform.dtype) == (48000, np.float32)
    assert waveform.shape == (24000, channels)
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=0.05)


def test_the_suffix_may_lie(tmp_path: Path, save_tone: SaveTone) -> None:
    path = save_tone(tmp_path / "a.flac").rename(tmp_path / "a.wav")
    assert decode(path)[0].shape == (2000, 1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "DOUBLE", "ULAW"])
def test_sample_formats(tmp_path: Path, save_tone: SaveTone, subtype: str) -> None:
    path = save_tone(tmp_path / "a.wav", subtype=subtype)
    assert np.abs(decode(path)[0]).max() == pytest.approx(0.5, abs=0.05)


def test_overshoot_is_not_clipped(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.array([0.0, 1.7, -1.7]), 8000, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "a.wav")[0][:, 0], [0.0, 1.7, -1.7], rtol=1e-6)


def header_only(path: Path) -> None:
    sf.write(path, np.zeros((0, 1)), 8000)


def samples(values: list[float], rate: int = 8000, channels: int = 1) -> Callable[[Path], None]:
    return lambda path: sf.write(
        path, np.array([values] * channels).T, rate, format="WAV", subtype="FLOAT"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""), "not a readable audio file"),
        (lambda path: path.write_text("<html>404</html>"), "not a readable audio file"),
        (header_only, "holds no audio"),
        (samples([0.0, np.nan]), "NaN or infinite"),
        (samples([0.0, -np.inf]), "NaN or infinite"),
        (samples([1e12]), "far beyond full scale"),
        (samples([0.0], rate=500), "sample rate of 500 Hz"),
        (samples([0.0], rate=500_000), "sample rate of 500000 Hz"),
        (samples([0.0], channels=33), "33 channels"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(EarwitnessError, match=f"bad.wav.*{message}"):
        decode(path)


def test_a_truncated_ogg_is_an_error_not_an_empty_clip(tmp_path: Path, save_tone: SaveTone) -> None:
    path = save_tone(tmp_path / "bad.ogg")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(EarwitnessError, match=r"bad\.ogg"):
        decode(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_gives_audio_or_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, save_tone: SaveTone, data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from(["wav", "ogg", "flac"]))
    path = save_tone(tmp_path_factory.mktemp("damage") / f"a.{suffix}")
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, min(120, len(content) - 1)), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        waveform, rate = decode(path)
    except EarwitnessError as error:
        assert str(path) in str(error)
    else:
        assert len(waveform) > 0
        assert np.isfinite(waveform).all()
        assert 1_000 <= rate <= 384_000


def test_long_files_are_refused_before_they_fill_the_memory(
    tmp_path: Path, save_tone: SaveTone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_tone(tmp_path / "a.wav", seconds=3.0)
    assert decode(path)[0].shape == (24000, 1)
    monkeypatch.setattr(decoding, "MAX_SECONDS", 2)
    with pytest.raises(EarwitnessError, match=r"a\.wav is longer than 2 s"):
        decode(path)
    monkeypatch.setattr(decoding, "MAX_FILE_BYTES", 1000)
    with pytest.raises(EarwitnessError, match=r"a\.wav is larger than"):
        decode(path)


def test_mono_is_the_mean_and_keeps_dc() -> None:
    waveform = np.array([[0.2, 0.4], [0.3, 0.5]], dtype=np.float32)
    np.testing.assert_allclose(to_mono(waveform), [0.3, 0.4], rtol=1e-6)
    assert to_mono(waveform).dtype == np.float32


def test_channels_that_cancel_do_not_become_silence() -> None:
    left = np.sin(np.arange(100, dtype=np.float32))
    reversed_polarity = np.stack([left, -left], axis=1)
    assert cancels(reversed_polarity)
    np.testing.assert_array_equal(to_mono(reversed_polarity), left)
    assert not cancels(np.stack([left, 0.5 * left], axis=1))
    assert not cancels(np.zeros((10, 2), dtype=np.float32))
    assert not cancels(left[:, None])


@settings(max_examples=50, deadline=None)
@given(length=st.integers(0, 200), samples_wanted=st.integers(1, 200))
def test_fitting_keeps_the_centre(length: int, samples_wanted: int) -> None:
    waveform = np.arange(1, length + 1, dtype=np.float32)
    fitted = fit_length(waveform, samples_wanted)
    assert fitted.shape == (samples_wanted,)
    kept = fitted[fitted > 0]
    assert len(kept) == min(length, samples_wanted)
    if len(kept):
        first = int(kept[0]) - 1
        np.testing.assert_array_equal(kept, waveform[first : first + len(kept)])
        lost = first, length - first - len(kept)
        padded = int(np.argmax(fitted > 0)), samples_wanted - len(kept) - int(np.argmax(fitted > 0))
        assert abs(lost[0] - lost[1]) <= 1
        assert abs(padded[0] - padded[1]) <= 1


def test_resampling_keeps_the_tone() -> None:
    time = np.arange(44100, dtype=np.float32) / 44100
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    changed = resample(tone, 44100, 16000, "HQ")
    assert changed.dtype == np.float32
    assert len(changed) == 16000
    assert np.argmax(np.abs(np.fft.rfft(changed))) == 1000
    assert resample(tone, 44100, 44100, "HQ") is tone


def test_length_is_fitted_after_resampling() -> None:
    # 220,501 samples at 44.1 kHz become 80,001 at 16 kHz.
    waveform = np.ones(220_501, dtype=np.float32)
    assert conform(waveform, 44100, 16000, 5.0, "HQ").shape == (80_000,)


@settings(max_examples=30, deadline=None)
@given(
    rate=st.sampled_from([8000, 16000, 22050, 44100, 48000]),
    frames=st.integers(1, 9000),
    channels=st.integers(1, 3),
    wanted=st.sampled_from([16000, 32000, 44100]),
    seconds=st.floats(0.01, 0.5),
)
def test_every_clip_comes_out_alike(
    tmp_path_factory: pytest.TempPathFactory,
    save_tone: SaveTone,
    rate: int,
    frames: int,
    channels: int,
    wanted: int,
    seconds: float,
) -> None:
    path = tmp_path_factory.mktemp("clips") / "a.wav"
    save_tone(path, rate=rate, seconds=frames / rate, channels=channels)
    clip = load_clip(path, wanted, seconds, "HQ")
    assert clip.shape == (round(seconds * wanted),)
    assert clip.dtype == np.float32
    assert np.isfinite(clip).all()
    np.testing.assert_array_equal(clip, load_clip(path, wanted, seconds, "HQ"))


def test_header_rates(tmp_path: Path, save_tone: SaveTone) -> None:
    assert file_rate(save_tone(tmp_path / "a.wav", rate=22050)) == 22050
    (tmp_path / "b.wav").write_text("no audio")
    assert file_rate(tmp_path / "b.wav") == 0
    assert file_rate(tmp_path / "missing.wav") == 0
