"""Recordings of any length as clips of one length.

A file that is no longer than a clip, or hardly, is one clip, by the steps that training and
evaluation take. A longer one is cut into windows as it is read, so that hours of it take no more
memory than a few seconds; each window is treated like a file that holds just these samples.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile as sf

from earwitness.audio.decode import (
    MAX_CHANNELS,
    MAX_PEAK,
    UNKNOWN_FRAMES,
    Waveform,
    conform,
    decode,
    samples_in,
    to_mono,
)
from earwitness.audio.problems import printable
from earwitness.errors import EarwitnessError
from earwitness.schema.prepare import RATES

MAX_DAYS = 7
# A remainder of less than this share of a window gets no window of its own.
LEAST_SHARE = 0.1
LEAST_SECONDS = 0.01


@dataclass(frozen=True)
class Windowing:
    """How long recordings are cut.

    Attributes
    ----------
    window_seconds : float
        Length of a window.
    hop_seconds : float
        From the start of one window to the start of the next.
    """

    window_seconds: float
    hop_seconds: float

    def longest_clip(self, sample_rate: int) -> int:
        """Frames of the longest recording at `sample_rate` Hz that is left whole."""
        return int(samples_in(self.window_seconds, sample_rate) * (1 + LEAST_SHARE))


class Excerpt(NamedTuple):
    """A part of a recording, ready for models.

    Attributes
    ----------
    start_seconds, end_seconds : float
        What of the recording it is.
    waveforms : dict of int to np.ndarray [shape=(samples,)]
        Mono, by sample rate in Hz.
    """

    start_seconds: float
    end_seconds: float
    waveforms: dict[int, Waveform]


def choose_windows(
    window_seconds: float | None, hop_seconds: float | None, clip_seconds: float
) -> Windowing:
    """Fill in what a person left open, and check the rest.

    Parameters
    ----------
    window_seconds : float or None
        None: as long as a clip.
    hop_seconds : float or None
        None: one window after the other.
    clip_seconds : float
        Length of the clips that the models read.

    Returns
    -------
    Windowing
        Both lengths.

    Raises
    ------
    EarwitnessError
        If a length is no number of seconds from 0.01 on, or a window is longer than a clip.
    """
    window = clip_seconds if window_seconds is None else window_seconds
    hop = window if hop_seconds is None else hop_seconds
    for option, value in (("--window", window), ("--hop", hop)):
        if not LEAST_SECONDS <= value < float("inf"):
            raise EarwitnessError(f"{option} {value:g}: give seconds, {LEAST_SECONDS} or more")
    if window > clip_seconds:
        raise EarwitnessError(
            f"--window {window:g}: the models read {clip_seconds:g} s at a time, so a window has "
            "at most that; --hop sets how far apart windows start"
        )
    return Windowing(window, hop)


def read_excerpts(
    path: Path,
    rates: Sequence[int],
    clip_seconds: float,
    quality: str,
    windowing: Windowing | None,
) -> Iterator[Excerpt]:
    """Read a file as one clip, or as the windows of a long recording.

    Windows start at multiples of the hop. What is left at the end, if it is a tenth of a window
    or more, is covered by a last one that ends where the recording ends.

    Parameters
    ----------
    path : Path
        An audio file.
    rates : sequence of int
        Sample rates of the results in Hz.
    clip_seconds : float
        Length of the results: what is shorter is padded with silence around its centre.
    quality : str
        soxr quality.
    windowing : Windowing or None
        None: a longer file, too, is one clip, trimmed around its centre.

    Yields
    ------
    Excerpt
        From the start of the file to its end.

    Raises
    ------
    EarwitnessError
        As `decode`, but a recording that is cut into windows may last up to 7 days; perhaps
        after some windows.
    """

    def excerpt(start: int, frames: Waveform, rate: int) -> Excerpt:
        mono = to_mono(frames)
        return Excerpt(
            start / rate,
            (start + len(frames)) / rate,
            {target: conform(mono, rate, target, clip_seconds, quality) for target in rates},
        )

    if windowing is None or not _is_long(path, windowing):
        yield excerpt(0, *decode(path))
        return
    name = printable(path)
    try:
        with _opened(path) as file:
            if file.frames > MAX_DAYS * 86400 * file.samplerate:
                raise EarwitnessError(f"{name} is longer than {MAX_DAYS} days: cut it")
            for start, frames in _windows(name, file, windowing):
                yield excerpt(start, frames, file.samplerate)
    except (sf.LibsndfileError, RuntimeError) as error:
        reason = str(getattr(error, "error_string", error)).rstrip(". ")
        raise EarwitnessError(f"{name} is not a readable audio file ({reason})") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file by its descriptor: libsndfile neither waits for a pipe nor reads the name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a file")
        with sf.SoundFile(descriptor, closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def _is_long(path: Path, windowing: Windowing) -> bool:
    """Whether a file is to be cut. What cannot be right is not: `decode` says what is wrong."""
    try:
        with _opened(path) as file:
            usual = RATES[0] <= file.samplerate <= RATES[1] and file.channels <= MAX_CHANNELS
            known = usual and file.frames != UNKNOWN_FRAMES
            return bool(known and file.frames > windowing.longest_clip(file.samplerate))
    except (sf.LibsndfileError, RuntimeError, OSError):
        return False


def _windows(name: str, file: Any, windowing: Windowing) -> Iterator[tuple[int, Waveform]]:
    """Yield the first frame of each window, and its frames (n, channels)."""
    rate = file.samplerate
    size, hop = (samples_in(s, rate) for s in (windowing.window_seconds, windowing.hop_seconds))
    kept: Waveform = np.empty((0, file.channels), np.float32)
    first = start = 0  # the number of the first frame in `kept`; where the next window starts
    # There may be fewer frames than the header says: then it is one clip after all.
    needed = windowing.longest_clip(rate) + 1
    while len(block := file.read(max(size, rate), dtype="float32", always_2d=True)):
        _check_samples(name, block)
        kept = np.concatenate([kept, block])
        end = first + len(kept)
        while needed <= end:
            yield start, kept[start - first : start - first + size]
            start += hop
            needed = start + size
        # The last frames may become the last window.
        drop = max(0, min(start, end - size) - first)
        kept, first = kept[drop:], first + drop
    if not len(kept):
        raise EarwitnessError(f"{name} holds no audio: it ends after its header")
    end = first + len(kept)
    if start == 0:
        yield 0, kept
    elif end - max(start, start - hop + size) >= LEAST_SHARE * size:
        yield end - size, kept[-size:]


def _check_samples(name: str, block: Waveform) -> None:
    """Refuse the samples that `decode` refuses."""
    if not np.isfinite(block).all():
        raise EarwitnessError(f"{name} holds samples that are NaN or infinite")
    if max(block.max(), -block.min()) > MAX_PEAK:
        raise EarwitnessError(f"{name} holds samples far beyond full scale (over 2**31)")
