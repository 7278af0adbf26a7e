"""The notebook that this project replaces, re-created from its description.

Model A: a 5x5 stem and four blocks of 3x3 convolutions with squeeze-and-excitation, 32 to 128
channels wide, with 2x2 average pools between them. Model A Pro, "BC-ResNet-8": a 5x5 stem and
four stages of two depthwise blocks, 40 to 160 channels wide. Both read log-mel and PCEN at the
full 64 x 494 resolution. What the description leaves open is decided in favour of speed: every
stage after the first halves both axes, both networks are in the channels-last layout, and clips
are resampled by soxr. Model B is a speech model on the waveform.

A clip is loaded from its file, resampled and transformed whenever it is needed: in every epoch,
and for every clip of test-time augmentation, whose shifted copies go through the network one by
one.
"""

from pathlib import Path

import librosa
import numpy as np
import soundfile as sf
import soxr
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor

from earwitness.schema.nets.bc_resnet import NetParams as BcResNetParams
from earwitness.schema.nets.spec_cnn import NetParams as SpecCnnParams

SHAPE = (2, 64, 494)
MODEL_A_BATCH = 64
MODEL_A = SpecCnnParams(
    widths=(32, 64, 96, 128),
    blocks=1,
    se_reduction=8,
    stem_stride=1,
    downsample="average",
    residual=False,
    pooling="mean",
    dropout=0.35,
)
MODEL_A_PRO_BATCH = 24
MODEL_A_PRO = BcResNetParams(variant="se", scale=8, sub_bands=1, se_reduction=8, dropout=0.35)
MODEL_B, MODEL_B_BATCH = "wav2vec2_base", 16
RATE = 16000
SHIFTS_A = (0.0, -0.1, 0.1, -0.25, 0.25)
SHIFTS_B = (0.0, -0.1, 0.1, -0.2, 0.2)

FloatArray = NDArray[np.float32]


def load_clip(path: Path, seconds: float, rate: int = RATE) -> FloatArray:
    """Read a file, mix it to mono, resample it, and pad or crop it around its centre.

    Parameters
    ----------
    path : Path
        The file.
    seconds : float
        Length of the clip.
    rate : int
        In Hz.

    Returns
    -------
    np.ndarray [shape=(samples,)]
        The waveform.
    """
    waveform, source = sf.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(waveform.mean(axis=1), source, rate, "HQ")
    samples = round(seconds * rate)
    surplus = len(mono) - samples
    if surplus >= 0:
        return np.ascontiguousarray(mono[surplus // 2 : surplus // 2 + samples])
    return np.pad(mono, (-surplus // 2, -surplus - -surplus // 2))


class Features:
    """Log-mel in dB and PCEN, each standardised over the clip.

    Parameters
    ----------
    win_samples, hop_samples : int
        Of the frames; the notebook's own by default, and a network's where one is to read the
        same size both ways.
    center : bool
        Whether the first frame is centred on the first sample.
    """

    def __init__(
        self, win_samples: int = 400, hop_samples: int = 160, center: bool = False
    ) -> None:
        self.hop_samples = hop_samples
        self._mel = torchaudio.transforms.MelSpectrogram(
            sample_rate=RATE,
            n_fft=1024,
            win_length=win_samples,
            hop_length=hop_samples,
            f_min=20.0,
            f_max=8000.0,
            n_mels=64,
            power=2.0,
            center=center,
        )
        self._decibels = torchaudio.transforms.AmplitudeToDB("power", top_db=80.0)

    def log_mel(self, mel: Tensor) -> Tensor:
        """Turn a mel spectrogram (64, T) into dB."""
        decibels: Tensor = self._decibels(mel.clamp_min(1e-10))
        return decibels

    def pcen(self, mel: Tensor) -> Tensor:
        """Normalise a mel spectrogram (64, T) by channel, with librosa."""
        normalised = librosa.pcen(
            mel.numpy(),
            sr=RATE,
            hop_length=self.hop_samples,
            gain=0.98,
            bias=2.0,
            power=0.5,
            time_constant=0.4,
            eps=1e-6,
        )
        return torch.from_numpy(normalised).float()

    def mel(self, waveform: FloatArray) -> Tensor:
        """Compute the mel spectrogram (64, T) of a waveform (samples,)."""
        mel: Tensor = self._mel(torch.from_numpy(waveform))
        return mel

    def __call__(self, waveform: FloatArray) -> Tensor:
        """Compute both channels.

        Parameters
        ----------
        waveform : np.ndarray [shape=(samples,)]
            At 16 kHz.

        Returns
        -------
        Tensor [shape=(2, 64, T)]
            What the networks read.
        """
        mel = self.mel(waveform)
        stacked = torch.stack([self.log_mel(mel), self.pcen(mel)])
        mean = stacked.mean(dim=(1, 2), keepdim=True)
        return (stacked - mean) / stacked.std(dim=(1, 2), keepdim=True).clamp_min(1e-5)
