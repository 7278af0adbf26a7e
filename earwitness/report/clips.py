"""Clips as a browser plays and shows them: Opus, and a picture of the log-mel spectrogram."""

import io
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
import torch
import torchaudio
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from earwitness.report.ogg import fix_serial
from earwitness.store.arrays import ArrayReader
from earwitness.store.atomic import atomic_directory

OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
MELS, FRAMES = 64, 160
TOP_DB = 80.0


def find_audio(prepared: Path) -> Path:
    """Find the prepared clips of the highest sample rate.

    Parameters
    ----------
    prepared : Path
        Folder with ``audio_<rate>.h5``.

    Returns
    -------
    Path
        One of them.
    """
    return max(prepared.glob("audio_*.h5"), key=lambda path: int(path.stem.removeprefix("audio_")))


def write_clips(audio: Path, out: Path) -> None:
    """Write each clip as ``<row>.ogg`` and its spectrogram as ``<row>.webp``.

    Rows of the manifest name the files: the data set's own names may hold anything.

    Parameters
    ----------
    audio : Path
        Store with ``clips`` (N, samples) and the attribute ``sample_rate``.
    out : Path
        Folder to write, replaced as a whole.
    """
    with ArrayReader(audio) as reader, atomic_directory(out) as folder:
        rate = int(reader.attrs["sample_rate"])
        count, samples = reader.shape("clips")
        picture = Picture(rate, samples)
        for row in tqdm(range(count), desc="clips", unit="clip", disable=None):
            clip = reader.read("clips", np.array([row]))[0]
            (folder / f"{row}.ogg").write_bytes(encode_opus(clip, rate, row))
            (folder / f"{row}.webp").write_bytes(picture(clip))


def encode_opus(clip: NDArray[np.float32], rate: int, serial: int) -> bytes:
    """Encode a clip.

    Parameters
    ----------
    clip : np.ndarray [shape=(samples,)]
        Full scale is 1.0; a clip that goes beyond is made softer as a whole.
    rate : int
        In Hz; resampled to the next rate that Opus has.
    serial : int
        Of the stream.

    Returns
    -------
    bytes
        An Ogg file, the same for the same arguments.
    """
    target = next((known for known in OPUS_RATES if known >= rate), OPUS_RATES[-1])
    clip = soxr.resample(clip, rate, target)
    clip = clip / max(float(np.abs(clip).max()), 1.0)
    buffer = io.BytesIO()
    sf.write(buffer, clip, target, format="OGG", subtype="OPUS")
    return fix_serial(buffer.getvalue(), serial)


class Picture:
    """Draws log-mel spectrograms, 160 frames wide and 64 bands high, loud parts dark.

    The networks' own features are another thing, and each may have others; this one is for
    the eye, and the same for all.

    Parameters
    ----------
    rate : int
        Of the clips, in Hz.
    samples : int
        Length of the clips.
    """

    def __init__(self, rate: int, samples: int) -> None:
        hop = max(samples // FRAMES, 1)
        self._mel = torchaudio.transforms.MelSpectrogram(
            sample_rate=rate,
            n_fft=max(2048, 1 << (hop - 1).bit_length()),
            hop_length=hop,
            f_min=20.0,
            n_mels=MELS,
            pad_mode="constant",
            norm="slaney",
            mel_scale="slaney",
        )

    def __call__(self, clip: NDArray[np.float32]) -> bytes:
        """Draw one clip.

        Parameters
        ----------
        clip : np.ndarray [shape=(samples,)]
            At the rate given to the constructor.

        Returns
        -------
        bytes
            A WebP picture in greys.
        """
        with torch.inference_mode():
            mel = self._mel(torch.from_numpy(clip))[:, :FRAMES].numpy()
        decibels = 10.0 * np.log10(np.maximum(mel, 1e-10))
        softer = np.clip((decibels.max() - decibels) / TOP_DB, 0.0, 1.0)
        pixels = np.round(255 * softer[::-1]).astype(np.uint8)  # low bands below
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", quality=60, method=4)
        return buffer.getvalue()
