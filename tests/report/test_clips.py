"""Clips for the browser: they sound like the clips, look like them, and repeat bit by bit."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PIL import Image

from earwitness.report.clips import Picture, encode_opus, find_audio, write_clips
from earwitness.report.ogg import fix_serial

RATE = 16000


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(rate * seconds) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 22050, 32000, 96000])
def test_a_clip_keeps_its_sound_and_length(rate: int) -> None:
    sound, played = sf.read(io.BytesIO(encode_opus(tone(440, rate=rate), rate, 1)))
    assert len(sound) / played == pytest.approx(1.0, abs=0.01)
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) * played / len(sound) == pytest.approx(440, abs=2)


def test_the_same_clip_gives_the_same_bytes() -> None:
    assert encode_opus(tone(440), RATE, 7) == encode_opus(tone(440), RATE, 7)
    assert encode_opus(tone(440), RATE, 7) != encode_opus(tone(440), RATE, 8)


def test_a_clip_beyond_full_scale_is_softer_not_cut() -> None:
    loud, _ = sf.read(io.BytesIO(encode_opus(3 * tone(440), RATE, 1)))
    spectrum = np.abs(np.fft.rfft(loud[2000:-2000] * np.hanning(len(loud) - 4000)))
    peak = np.argmax(spectrum)
    assert spectrum[3 * peak - 9 : 3 * peak + 9].max() < 0.01 * spectrum[peak]


def test_only_the_serial_number_and_checksums_change() -> None:
    stream = encode_opus(tone(440), RATE, 1)
    other = fix_serial(stream, 0xFFFFFFFF)
    assert len(other) == len(stream)
    assert fix_serial(other, 1) == stream
    assert np.array_equal(sf.read(io.BytesIO(other))[0], sf.read(io.BytesIO(stream))[0])
    with pytest.raises(ValueError, match="no Ogg page at byte 0"):
        fix_serial(b"RIFF" + bytes(40), 1)


def test_the_checksum_is_that_of_the_encoder() -> None:
    buffer = io.BytesIO()
    sf.write(buffer, tone(440), RATE, format="OGG", subtype="VORBIS")
    stream = buffer.getvalue()
    assert fix_serial(stream, int.from_bytes(stream[14:18], "little")) == stream


def test_a_picture_is_dark_where_the_clip_is_loud() -> None:
    draw = Picture(RATE, RATE)
    low, high = (
        np.asarray(Image.open(io.BytesIO(draw(tone(hertz)))).convert("L"), dtype=float)
        for hertz in (200, 6000)
    )
    assert low.shape == (64, 160)
    assert low[32:].mean() < low[:32].mean()  # low frequencies are at the bottom
    assert high[:32].mean() < high[32:].mean()


@pytest.mark.parametrize("samples", [200, 80000, 1_000_000])
def test_clips_of_any_length_are_drawn(samples: int) -> None:
    clip = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    width, height = Image.open(io.BytesIO(Picture(RATE, samples)(clip))).size
    assert 1 <= width <= 160
    assert height == 64


def test_the_folder_has_every_clip_and_is_the_same_again(report: Path, audio: Path) -> None:
    files = sorted(path.name for path in (report / "clips").iterdir())
    assert files == sorted(f"{row}.{kind}" for row in range(60) for kind in ("ogg", "webp"))
    again = report.parent / "again"
    write_clips(audio, again)
    for name in files:
        assert (again / name).read_bytes() == (report / "clips" / name).read_bytes(), name


def test_the_highest_rate_is_listened_to(tmp_path: Path) -> None:
    for rate in (8000, 32000, 16000):
        (tmp_path / f"audio_{rate}.h5").touch()
    assert find_audio(tmp_path).name == "audio_32000.h5"
