"""Alterations of a waveform, drawn once for each stored view of a clip."""

import numpy as np
from numpy.typing import NDArray

from earwitness.schema.trunk import TrunkParams

FloatArray = NDArray[np.float32]


def alter(
    waveform: FloatArray, sample_rate: int, params: TrunkParams, rng: np.random.Generator
) -> FloatArray:
    """Roll a waveform in time, change its level and add white noise.

    Parameters
    ----------
    waveform : np.ndarray [shape=(n,), dtype=float32]
        One clip, full scale 1.0; left as it is.
    sample_rate : int
        In Hz.
    params : TrunkParams
        `roll_seconds` (largest circular shift, either way), `gain_db` (largest gain or
        attenuation) and `noise` (largest standard deviation) are used; each amount is
        drawn uniformly.
    rng : np.random.Generator
        The view's own generator. Always advanced by the same draws, so that one setting
        does not change what another one draws.

    Returns
    -------
    np.ndarray [shape=(n,), dtype=float32]
        A new array, not clipped to full scale.
    """
    reach = round(params.roll_seconds * sample_rate)
    shift = int(rng.integers(-reach, reach + 1))
    gain = np.float32(10 ** (rng.uniform(-params.gain_db, params.gain_db) / 20))
    deviation = np.float32(rng.uniform(0, params.noise))
    noise = rng.standard_normal(waveform.shape, dtype=np.float32)
    altered: FloatArray = np.roll(waveform, shift) * gain + noise * deviation
    return altered
