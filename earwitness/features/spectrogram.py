"""Log-mel and PCEN of one clip at a time."""

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from earwitness.features.pcen import pcen
from earwitness.schema.features import FeatureParams

FloatArray = NDArray[np.float32]


class SpectrogramFrontEnd:
    """From a waveform to a two-channel spectrogram: log-mel in dB, and PCEN.

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

    def frames(self, samples: int) -> int:
        """Count the frames of a clip.

        Parameters
        ----------
        samples : int
            Length of the clip.

        Returns
        -------
        int
            Frames of its spectrogram.
        """
        span = samples if self.params.center else samples - self.params.n_fft
        return span // self.params.hop_samples + 1

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """Transform one clip.

        Parameters
        ----------
        waveform : np.ndarray [shape=(samples,)]
            At ``params.sample_rate``, float32.

        Returns
        -------
        np.ndarray [shape=(2, n_mels, frames)]
            Channel 0 is the log-mel spectrogram in dB, at most ``top_db`` below the clip's
            own maximum; channel 1 is PCEN. float32.
        """
        with torch.inference_mode():
            mel = self._mel(torch.from_numpy(waveform)).numpy().astype(np.float64)
        decibels = 10.0 * np.log10(np.maximum(mel, self.params.amin))
        # The maximum is the clip's own: torchaudio's AmplitudeToDB takes it over the batch.
        decibels = np.maximum(decibels, decibels.max() - self.params.top_db)
        normalised = pcen(
            mel,
            sample_rate=self.params.sample_rate,
            hop_samples=self.params.hop_samples,
            params=self.params.pcen,
        )
        return np.stack([decibels, normalised]).astype(np.float32)
