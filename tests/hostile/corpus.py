"""Files that people have or that want to do harm, and what must become of each.

Every kind is generated on the spot. `reason` is None, or a regular expression for why it is
refused; a `recording` is refused as a clip only: `predict` cuts it into windows.
"""

import io
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

RATE = 16000
Build = Callable[[Path], object]


@dataclass(frozen=True)
class Kind:
    """A file of the corpus: its name, how it is made, and why it is refused, if it is."""

    name: str
    build: Build
    reason: str | None = None
    recording: bool = False


def tone(seconds: float = 0.25, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return 0.4 * np.sin(2 * np.pi * 440 * time) + 0.05 * np.sin(2 * np.pi * 1234 * time)


def encode(
    form: str, subtype: str | None = None, samples: Any = None, rate: int = RATE, **options: Any
) -> bytes:
    """The bytes of an audio file; a tone unless other samples are given."""
    stream = io.BytesIO()
    samples = tone(rate=rate) if samples is None else samples
    sf.write(stream, samples, rate, format=form, subtype=subtype, **options)
    return stream.getvalue()


def audio(*arguments: Any, **options: Any) -> Build:
    return lambda path: path.write_bytes(encode(*arguments, **options))


def floats(values: Any, **options: Any) -> Build:
    return audio("WAV", "FLOAT", np.asarray(values), **options)


def content(data: bytes) -> Build:
    return lambda path: path.write_bytes(data)


def cut(share: float, *arguments: Any) -> Build:
    """An audio file of which the end is missing."""
    return lambda path: path.write_bytes((data := encode(*arguments))[: int(share * len(data))])


def patched(place: int, new: bytes, form: str = "WAV") -> Build:
    """An audio file with other bytes at one place."""

    def build(path: Path) -> None:
        data = bytearray(encode(form))
        data[place : place + len(new)] = new
        path.write_bytes(data)

    return build


def flac_of(frames: int, rate: int) -> Build:
    """Silence, which takes next to nothing until it is decoded."""
    return lambda path: sf.write(path, np.zeros(frames, np.int16), rate, format="FLAC")


def flac_claiming(frames: int) -> Build:
    """A quarter of a second whose header says another number of frames; 0 is unknown."""

    def build(path: Path) -> None:
        data = bytearray(encode("FLAC"))
        data[21] = data[21] & 0xF0 | frames >> 32
        data[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
        path.write_bytes(data)

    return build


def claiming_rf64(path: Path) -> None:
    """Chunk sizes of the longest files that RF64 can say, and nothing in them."""
    data = bytearray(encode("RF64"))
    at = data.index(b"ds64") + 8
    data[at : at + 24] = struct.pack("<QQQ", 2**63 - 1, 2**62, 2**61)
    path.write_bytes(data)


def sparse(path: Path) -> None:
    """300 MB that take no room on the disk."""
    path.write_bytes(encode("WAV"))
    os.truncate(path, 300_000_000)


def with_id3(path: Path) -> None:
    tag = b"ID3\x03\x00\x00" + bytes([0, 0, 1, 0]) + b"TIT2" + bytes(124)
    path.write_bytes(tag + encode("MP3"))


def unreadable(path: Path) -> None:
    path.write_bytes(encode("WAV"))
    path.chmod(0)


def link(target: str) -> Build:
    return lambda path: path.symlink_to(target)


def linked_file(path: Path) -> None:
    elsewhere = path.parent / ".elsewhere"
    elsewhere.write_bytes(encode("WAV"))
    path.symlink_to(elsewhere.name)


LEFT = tone()
ODD = os.fsdecode(b"latin-\xe9\xff.wav")  # no UTF-8
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\x02\0\0\0"
NOISE = np.random.default_rng(0).bytes(5000)
NOT_AUDIO = "is not a readable audio file"

ACCEPTED = (
    # Ways to write samples
    Kind("pcm-8.wav", audio("WAV", "PCM_U8")),
    Kind("pcm-16.wav", audio("WAV", "PCM_16")),
    Kind("pcm-24.wav", audio("WAV", "PCM_24")),
    Kind("pcm-32.wav", audio("WAV", "PCM_32")),
    Kind("float.wav", audio("WAV", "FLOAT")),
    Kind("double.wav", audio("WAV", "DOUBLE")),
    Kind("mu-law.wav", audio("WAV", "ULAW")),
    Kind("a-law.wav", audio("WAV", "ALAW")),
    Kind("ima-adpcm.wav", audio("WAV", "IMA_ADPCM")),
    Kind("ms-adpcm.wav", audio("WAV", "MS_ADPCM")),
    Kind("gsm.wav", audio("WAV", "GSM610")),
    Kind("extensible.wav", audio("WAVEX", "PCM_24")),
    Kind("rf64.wav", audio("RF64")),
    Kind("wave64.wav", audio("W64")),
    Kind("big-endian.wav", audio("WAV", "PCM_16", endian="BIG")),
    Kind("mp3.mp3", audio("MP3")),
    Kind("mp3-with-a-tag.mp3", with_id3),
    Kind("vorbis.ogg", audio("OGG", "VORBIS")),
    Kind("opus.opus", audio("OGG", "OPUS")),
    Kind("flac.flac", audio("FLAC")),
    Kind("flac-24.flac", audio("FLAC", "PCM_24")),
    Kind("aiff.aiff", audio("AIFF")),
    Kind("au.au", audio("AU")),
    Kind("caf.caf", audio("CAF")),
    # Names that say something else
    Kind("flac-named.wav", audio("FLAC")),
    Kind("mp3-named.wav", audio("MP3")),
    Kind("ogg-named.wav", audio("OGG")),
    Kind("wav-named.mp3", audio("WAV")),
    Kind("wav-named.ogg", audio("WAV")),
    Kind("link.wav", linked_file),
    Kind(ODD, audio("WAV")),
    Kind("n" * 251 + ".wav", audio("WAV")),
    Kind("two\nlines\x1b[2J.wav", audio("WAV")),
    Kind("=1+1.wav", audio("WAV")),
    # Odd samples, rates and channels
    Kind("stereo.wav", audio("WAV", "PCM_16", np.stack([LEFT, 0.5 * LEFT], axis=1))),
    Kind("antiphase.wav", audio("WAV", "FLOAT", np.stack([LEFT, -LEFT], axis=1))),
    Kind("32-channels.wav", audio("WAV", "PCM_16", np.stack([LEFT] * 32, axis=1))),
    Kind("dc.wav", floats(np.full(4000, 0.7))),
    Kind("silence.wav", floats(np.zeros(4000))),
    Kind("one-sample.wav", floats([0.5])),
    Kind("one-loud-sample.wav", floats([2.0**31])),
    Kind("denormal.wav", floats(np.full(4000, 1e-42))),
    Kind("full-scale-of-integers.wav", floats(2.0**31 * np.sign(LEFT))),
    Kind("square.wav", audio("WAV", "PCM_16", np.sign(LEFT))),
    Kind("lowest-rate.wav", audio("WAV", "PCM_16", rate=1000)),
    Kind("highest-rate.wav", audio("WAV", "PCM_16", rate=384_000)),
    Kind("prime-rate.wav", audio("WAV", "PCM_16", rate=44_101)),
    # Damage that leaves something to hear
    Kind("cut.wav", cut(0.5, "WAV")),
    Kind("cut.mp3", cut(0.7, "MP3")),
    Kind("cut.aiff", cut(0.5, "AIFF")),
    Kind("cut-adpcm.wav", cut(0.5, "WAV", "IMA_ADPCM")),
    Kind("streamed.wav", patched(40, b"\xff\xff\xff\xff")),
    Kind("claims-exabytes.wav", claiming_rf64),
    Kind("rubbish-after.wav", lambda path: path.write_bytes(encode("WAV") + NOISE)),
)

REFUSED = (
    # No audio at all
    Kind("empty.wav", content(b""), NOT_AUDIO),
    Kind("one-byte.wav", content(b"R"), NOT_AUDIO),
    Kind("page.wav", content(b"<!DOCTYPE html><html><body>404 Not Found"), NOT_AUDIO),
    Kind("text.mp3", content(b"version https://git-lfs.github.com/spec/v1\n"), NOT_AUDIO),
    Kind("picture.wav", content(PNG), NOT_AUDIO),
    Kind("archive.wav", content(b"PK\x03\x04" + NOISE), NOT_AUDIO),
    Kind("noise.wav", content(NOISE), NOT_AUDIO),
    Kind("zeros.mp3", content(bytes(5000)), NOT_AUDIO),
    # Nothing after the header, or too little
    Kind("header.wav", audio("WAV", "PCM_16", np.zeros(0)), "holds no audio"),
    Kind("header.aiff", audio("AIFF", "PCM_16", np.zeros(0)), "holds no audio"),
    Kind("cut-header.wav", cut(0.0025, "WAV"), NOT_AUDIO),
    Kind("cut.flac", cut(0.5, "FLAC"), NOT_AUDIO),
    Kind("cut.ogg", cut(0.5, "OGG"), NOT_AUDIO),
    Kind("cut.opus", cut(0.5, "OGG", "OPUS"), NOT_AUDIO),
    Kind("cut.caf", cut(0.5, "CAF"), NOT_AUDIO),
    Kind("no-samples.aiff", patched(38, b"NONE", "AIFF"), NOT_AUDIO),
    # Samples that are no samples
    Kind("nan.wav", floats([0.0, np.nan]), "NaN or infinite"),
    Kind("all-nan.wav", floats(np.full(4000, np.nan)), "NaN or infinite"),
    Kind("infinite.wav", floats([0.0, np.inf]), "NaN or infinite"),
    Kind("minus-infinite.wav", floats([0.0, -np.inf]), "NaN or infinite"),
    Kind("too-large-a-double.wav", audio("WAV", "DOUBLE", [1e300]), "NaN or infinite"),
    Kind("too-loud.wav", floats([1e12]), "far beyond full scale"),
    Kind("nan-in-one-channel.wav", floats([[0.0, np.nan]]), "NaN or infinite"),
    # Absurd headers
    Kind("no-rate.wav", patched(24, b"\0\0\0\0"), NOT_AUDIO),
    Kind("one-hertz.wav", patched(24, b"\1\0\0\0"), "sample rate of 1 Hz"),
    Kind("gigahertz.wav", patched(24, b"\xff\xff\xff\x7f"), "sample rate of 2147483647 Hz"),
    Kind("negative-rate.wav", patched(24, b"\xff\xff\xff\xff"), NOT_AUDIO),
    Kind("no-channel.wav", patched(22, b"\0\0"), NOT_AUDIO),
    Kind("65535-channels.wav", patched(22, b"\xff\xff"), NOT_AUDIO),
    Kind("33-channels.wav", audio("WAV", "PCM_16", np.zeros((9, 33))), "33 channels"),
    Kind("unknown-codec.wav", patched(20, b"\xfe\xca"), NOT_AUDIO),
    Kind("claims-weeks.flac", flac_claiming(2**36 - 1), "is longer than (1800 s|7 days)"),
    Kind("streamed.flac", flac_claiming(0), "does not say how long it is"),
    # Too much
    Kind("hours.flac", flac_of(15_000_000, 8000), "longer than 1800 s", recording=True),
    Kind("bomb.flac", flac_of(60_000_000, 44_100), "longer than 1134 s", recording=True),
    Kind("sparse.wav", sparse, "larger than 200 MB"),
    # No files
    Kind("folder.wav", lambda path: path.mkdir(), "Is a directory"),
    Kind("dangling.wav", link("nowhere.wav"), "No such file"),
    Kind("loop.wav", link("loop.wav"), "Too many levels of symbolic links"),
    Kind("pipe.wav", os.mkfifo, "pipe or device"),
    Kind("device.wav", link("/dev/zero"), "pipe or device"),
    Kind("unreadable.wav", unreadable, "Permission denied"),
)

KINDS = (*ACCEPTED, *REFUSED)


def build(folder: Path) -> Path:
    """Write the whole corpus into a new folder."""
    folder.mkdir(parents=True)
    for kind in KINDS:
        kind.build(folder / kind.name)
    return folder
