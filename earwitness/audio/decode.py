"""From an audio file to a waveform of fixed rate and length.

Training and prediction share `load_clip`, so that a file gives the same bits in both.
"""

import io
import stat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

from earwitness.audio.problems import printable
from earwitness.errors import EarwitnessError
from earwitness.schema.prepare import RATES

MAX_FILE_BYTES = 200_000_000
MAX_SAMPLES = 50_000_000  # over all channels: 200 MB decoded
MAX_SECONDS = 1800
MAX_CHANNELS = 32
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's SF_COUNT_MAX: a FLAC that was written to a pipe
MAX_PEAK = float(2**31)  # full scale of 32-bit integers stored as floats
CANCELLATION = 1e-4  # -40 dB
BLOCK_FRAMES = 1 << 20

Waveform = npt.NDArray[np.float32]


def read_file(path: Path) -> bytes:
    """Return the bytes of an audio file.

    Raises
    ------
    EarwitnessError
        If there is no such file, it is a folder, pipe or device, it cannot be read or is larger
        than 200 MB.
    """
    name = printable(path)
    try:
        # Looked at before it is opened: a pipe would wait for ever, a device never end.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "Is a directory" if path.is_dir() else "Is a pipe or device, not a file"
            raise EarwitnessError(f"{name} cannot be read: {kind}")
        if status.st_size > MAX_FILE_BYTES:
            raise EarwitnessError(
                f"{name} is larger than {MAX_FILE_BYTES // 1_000_000} MB: cut it into clips"
            )
        with path.open("rb") as file:
            return file.read(status.st_size)
    except OSError as error:
        raise EarwitnessError(f"{name} cannot be read: {error.strerror or error}") from error


def decode(path: Path, content: bytes | None = None) -> tuple[Waveform, int]:
    """Decode an audio file of any format that libsndfile knows, whatever its suffix.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes, optional
        Its bytes, when they have been read already.

    Returns
    -------
    waveform : np.ndarray
        Shape (frames, channels), full scale 1.0, not clipped.
    sample_rate : int
        In Hz.

    Raises
    ------
    EarwitnessError
        If the file is missing or not audio, has no frames, holds NaN or infinite samples,
        or is beyond a limit on its rate, channels or length.
    """
    name = printable(path)
    stream = _Content(read_file(path) if content is None else content)
    try:
        with sf.SoundFile(stream) as file:
            _check_header(name, file)
            # There may be fewer frames than the header promises, but more are never read.
            waveform = file.read(file.frames, dtype="float32", always_2d=True)
            sample_rate = int(file.samplerate)
    except (sf.LibsndfileError, RuntimeError) as error:
        reason = str(getattr(error, "error_string", error)).rstrip(". ")
        raise EarwitnessError(f"{name} is not a readable audio file ({reason})") from error
    if len(waveform) == 0:
        raise EarwitnessError(f"{name} holds no audio: it ends after its header")
    if not np.isfinite(waveform).all():
        raise EarwitnessError(f"{name} holds samples that are NaN or infinite")
    if max(waveform.max(), -waveform.min()) > MAX_PEAK:
        raise EarwitnessError(f"{name} holds samples far beyond full scale (over 2**31)")
    return waveform, sample_rate


class _Content(io.BytesIO):
    """The bytes of a file; of damaged ones libsndfile wants to see what is before the first."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def to_mono(waveform: Waveform) -> Waveform:
    """Average the channels; of channels that cancel each other, take the first.

    Parameters
    ----------
    waveform : np.ndarray
        Shape (frames, channels).

    Returns
    -------
    np.ndarray
        Shape (frames,). The constant offset (DC) is left alone.
    """
    if waveform.shape[1] == 1 or cancels(waveform):
        return np.ascontiguousarray(waveform[:, 0])
    mono: Waveform = waveform.mean(axis=1, dtype=np.float32)
    return mono


def cancels(waveform: Waveform) -> bool:
    """Whether the average of the channels is 40 dB below the channels themselves.

    Recordings with one channel's polarity reversed would average to silence.
    """
    if waveform.shape[1] == 1:
        return False
    mixed = mean_square(waveform.mean(axis=1, dtype=np.float64))
    return mixed < CANCELLATION * mean_square(waveform)


def mean_square(waveform: npt.NDArray[np.floating]) -> float:
    """Mean of the squared samples of a waveform of at least one frame, in double precision.

    Block by block: the squares of half an hour would take twice the memory of the waveform.
    """
    blocks = range(0, len(waveform), BLOCK_FRAMES)
    total = sum(
        float(np.square(waveform[start : start + BLOCK_FRAMES], dtype=np.float64).sum())
        for start in blocks
    )
    return total / waveform.size


def resample(waveform: Waveform, source_rate: int, target_rate: int, quality: str) -> Waveform:
    """Change the sample rate of a mono waveform with soxr.

    Parameters
    ----------
    waveform : np.ndarray
        Shape (n,).
    source_rate, target_rate : int
        In Hz.
    quality : str
        soxr's "QQ", "LQ", "MQ", "HQ" or "VHQ".

    Returns
    -------
    np.ndarray
        Shape (about n * target_rate / source_rate,). Peaks may exceed 1.0.
    """
    if source_rate == target_rate:
        return waveform
    changed: Waveform = soxr.resample(waveform, source_rate, target_rate, quality)
    return changed


def fit_length(waveform: Waveform, samples: int) -> Waveform:
    """Trim or zero-pad a mono waveform, shape (n,), around its centre to (samples,)."""
    surplus = len(waveform) - samples
    if surplus >= 0:
        return waveform[surplus // 2 : surplus // 2 + samples]
    before = -surplus // 2
    return np.pad(waveform, (before, -surplus - before))


def samples_in(seconds: float, sample_rate: int) -> int:
    """Return the number of samples in `seconds` at `sample_rate` Hz, at least one."""
    return max(1, round(seconds * sample_rate))


def conform(
    mono: Waveform, source_rate: int, sample_rate: int, seconds: float, quality: str
) -> Waveform:
    """Resample a mono waveform, shape (n,), then fit it to `seconds`.

    The length is fitted last: 5 s at one rate may be a sample more than 5 s at another.
    """
    changed = resample(mono, source_rate, sample_rate, quality)
    return fit_length(changed, samples_in(seconds, sample_rate))


def load_clip(path: Path, sample_rate: int, seconds: float, quality: str) -> Waveform:
    """Decode a file to a mono waveform of fixed rate and length.

    Parameters
    ----------
    path : Path
        The file.
    sample_rate : int
        Rate of the result in Hz.
    seconds : float
        Length of the result.
    quality : str
        soxr quality, see `resample`.

    Returns
    -------
    np.ndarray
        Shape (round(seconds * sample_rate),), float32.

    Raises
    ------
    EarwitnessError
        As `decode`.
    """
    waveform, source_rate = decode(path)
    return conform(to_mono(waveform), source_rate, sample_rate, seconds, quality)


def file_rate(path: Path) -> int:
    """Sample rate in Hz that a file's header states, 0 if it is no file or no audio."""
    try:
        return int(sf.info(path).samplerate) if path.is_file() else 0
    except (sf.LibsndfileError, OSError, RuntimeError):
        return 0


def _check_header(name: str, file: Any) -> None:
    """Refuse what cannot be right or would fill the memory, before anything is decoded."""
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise EarwitnessError(
            f"{name} has a sample rate of {file.samplerate} Hz, outside {RATES[0]}-{RATES[1]} Hz"
        )
    if file.channels > MAX_CHANNELS:
        raise EarwitnessError(f"{name} has {file.channels} channels, more than {MAX_CHANNELS}")
    if file.frames == UNKNOWN_FRAMES:
        raise EarwitnessError(f"{name} does not say how long it is: convert it anew")
    limit = min(MAX_SAMPLES // file.channels, MAX_SECONDS * file.samplerate)
    if file.frames > limit:
        raise EarwitnessError(f"{name} is longer than {limit / file.samplerate:.0f} s: cut it")
