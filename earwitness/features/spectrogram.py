"""What a network reads of one clip: log-mel and PCEN, or the waveform itself."""

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from earwitness.errors import EarwitnessError
from earwitness.features.pcen import pcen
from earwitness.schema.features import FeatureParams, WaveformParams

FloatArray = NDArray[np.float32]


class SpectrogramFrontEnd:
    """From a waveform to the channels of a spectrogram: log-mel in dB, PCEN, or both.

    Clips are transformed one by one, so that a clip's features are the same bits whatever
    else is in the batch.

    Parameters
    ----------
    params : FeatureParams
        Every constant of the transform.
    """

    def __init__(self, params: FeatureParams) -> None:
        self.params = params
        self._mel = torchaudio.transforms.MelSpectrogram(
            sample_rate=params.sample_rate,
            n_fft=params.n_fft,
            win_length=params.win_samples,
            hop_length=params.hop_samples,
            f_min=params.f_min,
            f_max=params.f_max,
            n_mels=params.n_mels,
            power=params.power,
            center=params.center,
            pad_mode=params.pad_mode,
            norm=params.norm,
            mel_scale=params.mel_scale,
        )

    def shape(self, samples: int) -> tuple[int, int, int]:
        """Tell the shape of a clip's features.

        Parameters
        ----------
        samples : int
            Length of the clip.

        Returns
        -------
        tuple of int
            Channels, mel bands, frames.

        Raises
        ------
        EarwitnessError
            If the clip is shorter than one analysis window.
        """
        if samples < self.params.n_fft:
            raise EarwitnessError(
                f"clips of {samples} samples are shorter than n_fft {self.params.n_fft} of the "
                "features: raise prepare.seconds or lower n_fft"
            )
        span = samples if self.params.center else samples - self.params.n_fft
        frames = span // self.params.hop_samples + 1
        return len(self.params.channels), self.params.n_mels, frames

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """Transform one clip.

        Parameters
        ----------
        waveform : np.ndarray [shape=(samples,)]
            At ``params.sample_rate``, float32.

        Returns
        -------
        np.ndarray [shape=(channels, n_mels, frames), dtype=float32]
            ``log_mel`` is in dB, at most ``top_db`` below the clip's own maximum.
        """
        with torch.inference_mode():
            mel = self._mel(torch.from_numpy(waveform)).numpy().astype(np.float64)
        compute = {"log_mel": self._log_mel, "pcen": self._pcen}
        return np.stack([compute[name](mel) for name in self.params.channels]).astype(np.float32)

    def _log_mel(self, mel: NDArray[np.float64]) -> NDArray[np.float64]:
        decibels = 10.0 * np.log10(np.maximum(mel, self.params.amin))
        # The maximum is the clip's own: torchaudio's AmplitudeToDB takes it over the batch.
        floored: NDArray[np.float64] = np.maximum(decibels, decibels.max() - self.params.top_db)
        return floored

    def _pcen(self, mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return pcen(
            mel,
            sample_rate=self.params.sample_rate,
            hop_samples=self.params.hop_samples,
            params=self.params.pcen,
        )


class WaveformFrontEnd:
    """The waveform itself, in the shape that networks read.

    Parameters
    ----------
    params : WaveformParams
        Nothing in them changes the waveform.
    """

    def __init__(self, params: WaveformParams) -> None:
        self.params = params

    def shape(self, samples: int) -> tuple[int, int, int]:
        """Tell the shape of a clip's features: (1, 1, samples)."""
        return 1, 1, samples

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """Give a waveform two leading axes of length one.

        Parameters
        ----------
        waveform : np.ndarray [shape=(samples,)]
            At ``params.sample_rate``, float32.

        Returns
        -------
        np.ndarray [shape=(1, 1, samples)]
            The same samples.
        """
        return waveform[None, None]


FrontEnd = SpectrogramFrontEnd | WaveformFrontEnd


def build_front_end(params: FeatureParams | WaveformParams) -> FrontEnd:
    """Make the front end that a network's features need.

    Parameters
    ----------
    params : FeatureParams or WaveformParams
        Section ``features.<network>``.

    Returns
    -------
    SpectrogramFrontEnd or WaveformFrontEnd
        Called with a waveform (samples,), returns features (channels, mels, frames).
    """
    if isinstance(params, WaveformParams):
        return WaveformFrontEnd(params)
    return SpectrogramFrontEnd(params)
