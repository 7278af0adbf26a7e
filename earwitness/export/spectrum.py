"""Spectrograms in operations that every export format knows.

A short-time Fourier transform is written as what it is, a strided convolution with windowed
cosines and sines, and PCEN's recursive smoother as a prefix sum. Both compute what the members'
own front ends compute, up to rounding in float32, for a whole batch at a time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from earwitness.features.pcen import smoothing_coefficient
from earwitness.schema.features import PcenParams


class MelSpectrogram(nn.Module):
    """Mel spectrogram of a batch of clips.

    Parameters
    ----------
    window : Tensor [shape=(W,)]
        Analysis window, no longer than `n_fft`.
    bank : Tensor [shape=(n_fft // 2 + 1, mels)]
        Mel filters.
    n_fft : int
        Length of the transform.
    hop_samples : int
        Between frames.
    edges : tuple of int
        Samples added before and after a clip, or cut off where negative; see `stft_edges`.
    pad_mode : {"constant", "reflect"}
        What is added.
    power : float
        Exponent of the magnitude.
    """

    kernel: Tensor
    bank: Tensor

    def __init__(
        self,
        window: Tensor,
        bank: Tensor,
        *,
        n_fft: int,
        hop_samples: int,
        edges: tuple[int, int] = (0, 0),
        pad_mode: str = "constant",
        power: float = 2.0,
    ) -> None:
        super().__init__()
        used = bank.any(dim=1).nonzero()[:, 0]  # filters seldom reach the ends of the spectrum
        first, last = int(used.min()), int(used.max())
        self.register_buffer("kernel", _fourier(window, n_fft, first, last + 1))
        self.register_buffer("bank", bank[first : last + 1].T.contiguous())
        self.hop_samples = hop_samples
        self.edges = edges
        self.pad_mode = pad_mode
        self.power = power

    def forward(self, waveform: Tensor) -> Tensor:
        """Transform.

        Parameters
        ----------
        waveform : Tensor [shape=(B, samples)]
            Clips.

        Returns
        -------
        Tensor [shape=(B, mels, frames)]
            Not logarithmic.
        """
        left, right = self.edges
        if left > 0 or right > 0:
            waveform = F.pad(waveform[:, None], (left, right), self.pad_mode)[:, 0]
        elif left < 0 or right < 0:
            waveform = waveform[:, -left : waveform.shape[1] + right]
        waves = F.conv1d(waveform[:, None], self.kernel, stride=self.hop_samples)
        real, imaginary = waves.chunk(2, dim=1)
        spectrum = real * real + imaginary * imaginary  # (B, bins, frames)
        if self.power == 1.0:
            spectrum = spectrum.sqrt()
        elif self.power != 2.0:
            spectrum = spectrum ** (self.power / 2)
        return self.bank @ spectrum


class Decibels(nn.Module):
    """Logarithm of a mel spectrogram, floored below each clip's own maximum.

    Parameters
    ----------
    amin : float
        Least value before the logarithm.
    top_db : float
        Range below the maximum.
    """

    def __init__(self, amin: float, top_db: float) -> None:
        super().__init__()
        self.amin = amin
        self.top_db = top_db

    def forward(self, mel: Tensor) -> Tensor:
        """Map (B, mels, frames) to decibels of the same shape."""
        decibels = 10.0 * torch.log10(mel.clamp_min(self.amin))
        return torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - self.top_db)


class Pcen(nn.Module):
    """Per-channel energy normalisation of a fixed number of frames.

    The smoother ``M[t] = (1 - b) M[t-1] + b S[t]`` has positive terms only, so that doubling
    steps (Hillis and Steele 1986, "Data parallel algorithms") lose no precision in float32.

    Parameters
    ----------
    params : PcenParams
        Constants.
    sample_rate : int
        In Hz.
    hop_samples : int
        Between frames.
    """

    def __init__(self, params: PcenParams, sample_rate: int, hop_samples: int) -> None:
        super().__init__()
        # One by one: TorchScript knows numbers, not dataclasses.
        self.scale, self.gain, self.eps = params.scale, params.gain, params.eps
        self.bias, self.power = params.bias, params.power
        self.b = smoothing_coefficient(sample_rate, hop_samples, params.time_constant)

    def forward(self, mel: Tensor) -> Tensor:
        """Map a mel spectrogram (B, mels, frames) to one of the same shape."""
        mel = mel * self.scale
        gain = (self._smooth(mel) + self.eps) ** -self.gain
        normalised: Tensor = (mel * gain + self.bias) ** self.power - self.bias**self.power
        return normalised

    def _smooth(self, mel: Tensor) -> Tensor:
        # The past is the first frame, as in `earwitness.features.pcen`.
        smooth = torch.cat([mel[:, :, :1], self.b * mel[:, :, 1:]], dim=2)
        shift = 1
        while shift < mel.shape[2]:
            earlier = F.pad(smooth[:, :, :-shift], (shift, 0))
            smooth = smooth + (1 - self.b) ** shift * earlier
            shift *= 2
        return smooth


def stft_edges(n_fft: int, win_samples: int, *, center: bool) -> tuple[int, int]:
    """Tell what `torch.stft` adds to a clip, less what its window leaves out of a frame.

    Parameters
    ----------
    n_fft, win_samples : int
        Lengths of the frames and of the window in the middle of each.
    center : bool
        Whether clips are padded by half a frame.

    Returns
    -------
    tuple of int
        Samples before and after; negative where fewer of the clip are read than there are.
    """
    half = n_fft // 2 if center else 0
    before = (n_fft - win_samples) // 2
    return half - before, half - (n_fft - win_samples - before)


def _fourier(window: Tensor, n_fft: int, start: int, stop: int) -> Tensor:
    """Windowed cosines, then sines, of the bins `start` to `stop` - 1: (2 bins, 1, W)."""
    samples = torch.arange(len(window), dtype=torch.float64)
    bins = torch.arange(start, stop, dtype=torch.float64)
    # The remainder keeps the angles small, and with them their rounding.
    angles = 2 * torch.pi * (torch.outer(bins, samples) % n_fft) / n_fft
    waves = torch.cat([angles.cos(), angles.sin()]) * window.double()
    return waves.float()[:, None]
