"""Augmentation of stored features, each clip from its own generator."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earwitness.schema.train import SpecAugmentParams

FloatArray = NDArray[np.float32]

# Knots of the random equaliser.
_FILTER_POINTS = 5


def shift_and_gain(
    features: NDArray[np.floating],
    channels: Sequence[str],
    params: SpecAugmentParams,
    rng: np.random.Generator,
) -> FloatArray:
    """Roll a clip in time, change its level and equalise it at random.

    Parameters
    ----------
    features : np.ndarray [shape=(channels, n_mels, frames)]
        Stored features.
    channels : sequence of {"log_mel", "pcen", "waveform"}
        What each channel is.
    params : SpecAugmentParams
        `roll`, `gain_db` and `filter_db` are used.
    rng : np.random.Generator
        The clip's own generator.

    Returns
    -------
    np.ndarray [shape=(channels, n_mels, frames), dtype=float32]
        A new array. Gain is added to log-mel (dB) and multiplies a waveform; PCEN divides it
        out. Only log-mel is equalised.
    """
    _, mels, frames = features.shape
    reach = round(params.roll * frames)
    shift = int(rng.integers(-reach, reach + 1))
    rolled: FloatArray = np.roll(features, shift, axis=-1).astype(np.float32)
    gain = rng.uniform(-params.gain_db, params.gain_db)
    points = rng.uniform(-params.filter_db, params.filter_db, _FILTER_POINTS)
    curve = np.interp(np.linspace(0, 1, mels), np.linspace(0, 1, _FILTER_POINTS), points) + gain
    for channel, name in enumerate(channels):
        if name == "log_mel":
            rolled[channel] += curve.astype(np.float32)[:, None]
        elif name == "waveform":
            rolled[channel] *= np.float32(10 ** (gain / 20))
    return rolled


def mask(
    features: FloatArray,
    fill: FloatArray,
    params: SpecAugmentParams,
    rng: np.random.Generator,
) -> None:
    """Mask spans of time and bands of frequency in place (SpecAugment, Park et al. 2019).

    Parameters
    ----------
    features : np.ndarray [shape=(channels, n_mels, frames)]
        Changed in place.
    fill : np.ndarray [shape=(channels, 1, 1)]
        Value of a masked bin in each channel.
    params : SpecAugmentParams
        Number and width of the masks.
    rng : np.random.Generator
        The clip's own generator.
    """
    if rng.random() >= params.mask_probability:
        return
    _, mels, frames = features.shape
    for _ in range(params.time_masks):
        width = int(rng.integers(0, min(params.time_mask_frames, frames) + 1))
        start = int(rng.integers(0, frames - width + 1))
        features[:, :, start : start + width] = fill
    for _ in range(params.frequency_masks):
        width = int(rng.integers(0, min(params.frequency_mask_bins, mels) + 1))
        start = int(rng.integers(0, mels - width + 1))
        features[:, start : start + width, :] = fill
