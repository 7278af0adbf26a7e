"""Recordings become one clip or windows, which hold what files of their own would hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from earwitness.audio import windows
from earwitness.audio.decode import load_clip
from earwitness.audio.windows import Excerpt, Windowing, choose_windows, read_excerpts
from earwitness.errors import EarwitnessError
from tests.hostile.corpus import flac_claiming

RATE = 8000
SECOND = Windowing(1.0, 1.0)


def write(path: Path, seconds: float, channels: int = 1, rate: int = RATE) -> np.ndarray:
    """Noise that is different everywhere, as 16-bit numbers."""
    rng = np.random.default_rng(round(seconds * 1000))
    samples = rng.integers(-9000, 9000, (round(seconds * rate), channels), dtype=np.int16)
    sf.write(path, samples, rate)
    return samples


def read(path: Path, windowing: Windowing | None = SECOND, *rates: int) -> list[Excerpt]:
    return list(read_excerpts(path, rates or (RATE,), 1.0, "HQ", windowing))


def places(excerpts: list[Excerpt]) -> list[tuple[float, float]]:
    return [(round(e.start_seconds, 4), round(e.end_seconds, 4)) for e in excerpts]


@pytest.mark.parametrize(
    ("seconds", "hop", "expected"),
    [
        (0.3, 1.0, [(0, 0.3)]),
        (1.0, 1.0, [(0, 1)]),
        (1.1, 1.0, [(0, 1.1)]),
        (1.2, 1.0, [(0, 1), (0.2, 1.2)]),
        (3.0, 1.0, [(0, 1), (1, 2), (2, 3)]),
        (3.05, 1.0, [(0, 1), (1, 2), (2, 3)]),
        (3.5, 1.0, [(0, 1), (1, 2), (2, 3), (2.5, 3.5)]),
        (2.0, 0.5, [(0, 1), (0.5, 1.5), (1, 2)]),
        (2.2, 0.5, [(0, 1), (0.5, 1.5), (1, 2), (1.2, 2.2)]),
        (6.0, 2.5, [(0, 1), (2.5, 3.5), (5, 6)]),
        (5.5, 2.5, [(0, 1), (2.5, 3.5), (4.5, 5.5)]),
        (4.8, 2.5, [(0, 1), (2.5, 3.5)]),
    ],
)
def test_where_windows_are(
    tmp_path: Path, seconds: float, hop: float, expected: list[tuple[float, float]]
) -> None:
    write(tmp_path / "a.wav", seconds)
    assert places(read(tmp_path / "a.wav", Windowing(1.0, hop))) == expected


@pytest.mark.parametrize(("channels", "suffix"), [(1, "wav"), (2, "flac")])
@pytest.mark.parametrize("hop", [0.37, 1.0, 1.9])
def test_a_window_is_what_a_file_of_its_own_would_be(
    tmp_path: Path, channels: int, suffix: str, hop: float
) -> None:
    path = tmp_path / f"long.{suffix}"
    samples = write(path, 7.3, channels, 22050)
    excerpts = read(path, Windowing(1.0, hop), 16000, 22050, 32000)
    assert len(excerpts) > 3
    for excerpt in excerpts:
        start, end = (round(seconds * 22050) for seconds in excerpt[:2])
        assert end - start == 22050
        sf.write(tmp_path / "own.wav", samples[start:end], 22050)
        for rate, waveform in excerpt.waveforms.items():
            expected = load_clip(tmp_path / "own.wav", rate, 1.0, "HQ")
            np.testing.assert_array_equal(waveform, expected)


def test_a_short_window_is_padded_around_its_centre(tmp_path: Path) -> None:
    samples = write(tmp_path / "a.wav", 2.0)
    (first, *_) = read(tmp_path / "a.wav", Windowing(0.5, 0.5))
    expected = np.pad(samples[:4000, 0] / 32768, 2000)
    np.testing.assert_allclose(first.waveforms[RATE], expected, atol=1e-7)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.08])
def test_a_clip_is_what_training_makes_of_it(tmp_path: Path, seconds: float) -> None:
    write(tmp_path / "a.wav", seconds, 2)
    (only,) = read(tmp_path / "a.wav", SECOND, 16000)
    expected = load_clip(tmp_path / "a.wav", 16000, 1.0, "HQ")
    np.testing.assert_array_equal(only.waveforms[16000], expected)


def test_a_long_file_can_be_trimmed_as_in_training(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 6.0)
    (only,) = read(tmp_path / "a.wav", None)
    expected = load_clip(tmp_path / "a.wav", RATE, 1.0, "HQ")
    np.testing.assert_array_equal(only.waveforms[RATE], expected)


def test_a_long_recording_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.wav"
    write(path, 60.0)
    largest = []

    class Watched:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def read(self, frames: int, **options: Any) -> np.ndarray:
            largest.append(frames)
            return np.asarray(self.file.read(frames, **options))

    cut = windows._windows
    monkeypatch.setattr(windows, "_windows", lambda name, file, w: cut(name, Watched(file), w))
    monkeypatch.setattr(windows, "decode", lambda path: pytest.fail("all of it was decoded"))
    excerpts = read_excerpts(path, [RATE], 1.0, "HQ", SECOND)
    first = next(excerpts)
    assert (first.start_seconds, first.end_seconds) == (0.0, 1.0)
    assert sum(largest) <= 3 * RATE, "more was read than the first window needs"
    assert len(list(excerpts)) == 59
    assert max(largest) == RATE


def test_a_file_that_is_shorter_than_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp3"
    sf.write(path, np.random.default_rng(0).normal(0, 0.1, 16000 * 4), 16000, format="MP3")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 5])
    excerpts = read(path)
    assert excerpts
    assert excerpts[-1].end_seconds < 1.5


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "that are NaN"), (1e12, "beyond full scale")]
)
def test_bad_samples_late_in_a_recording_are_found(
    tmp_path: Path, value: float, message: str
) -> None:
    samples = np.zeros(RATE * 5)
    samples[-10] = value
    sf.write(tmp_path / "late.wav", samples, RATE, subtype="FLOAT")
    excerpts = read_excerpts(tmp_path / "late.wav", [RATE], 1.0, "HQ", SECOND)
    next(excerpts)
    with pytest.raises(EarwitnessError, match=rf"late\.wav holds samples .*{message}"):
        list(excerpts)


def test_weeks_are_refused(tmp_path: Path) -> None:
    flac_claiming(2**36 - 1)(tmp_path / "weeks.flac")
    with pytest.raises(EarwitnessError, match=r"weeks\.flac is longer than 7 days"):
        read(tmp_path / "weeks.flac")


def test_windows_default_to_the_models_clips() -> None:
    assert choose_windows(None, None, 5.0) == Windowing(5.0, 5.0)
    assert choose_windows(2.0, None, 5.0) == Windowing(2.0, 2.0)
    assert choose_windows(None, 60.0, 5.0) == Windowing(5.0, 60.0)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), 1e-9])
def test_lengths_that_are_none(value: float) -> None:
    with pytest.raises(EarwitnessError, match=r"--hop .*: give seconds"):
        choose_windows(None, value, 5.0)
    with pytest.raises(EarwitnessError, match=r"--window .*: give seconds"):
        choose_windows(value, 1.0, 5.0)


def test_windows_longer_than_clips_are_refused() -> None:
    with pytest.raises(EarwitnessError, match="--window 10: the models read 5 s"):
        choose_windows(10.0, None, 5.0)
