"""The features of a trained network without librosa, whose import takes longer than a clip."""

import numpy as np
from numpy.typing import NDArray

from earwitness.features.pcen import smoothing_coefficient
from earwitness.features.spectrogram import FrontEnd, SpectrogramFrontEnd


class LightFrontEnd(SpectrogramFrontEnd):
    """A spectrogram front end that computes PCEN itself, as librosa does to float64's rounding."""

    def _pcen(self, mel: NDArray[np.float64]) -> NDArray[np.float64]:
        params = self.params.pcen
        if not (params.power and params.bias):  # other formulas, which nobody uses
            return super()._pcen(mel)
        energy = mel * params.scale
        b = smoothing_coefficient(
            self.params.sample_rate, self.params.hop_samples, params.time_constant
        )
        smooth = np.empty_like(energy.T)  # (frames, mels)
        state = energy[:, 0]
        for frame, current in enumerate(energy.T):
            state = smooth[frame] = b * current + (1 - b) * state
        gain = np.exp(-params.gain * (np.log(params.eps) + np.log1p(smooth.T / params.eps)))
        compressed = np.expm1(params.power * np.log1p(energy * gain / params.bias))
        result: NDArray[np.float64] = params.bias**params.power * compressed
        return result


def lighten(front_end: FrontEnd) -> FrontEnd:
    """Give the same front end without librosa.

    Parameters
    ----------
    front_end : SpectrogramFrontEnd or WaveformFrontEnd
        Of a trained network.

    Returns
    -------
    SpectrogramFrontEnd or WaveformFrontEnd
        Its features are the same but for the last bits of PCEN.
    """
    if type(front_end) is SpectrogramFrontEnd:
        return LightFrontEnd(front_end.params)
    return front_end
