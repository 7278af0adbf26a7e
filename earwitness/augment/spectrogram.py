"""Augmentation of stored spectrograms, each clip from its own generator."""

import numpy as np
from numpy.typing import NDArray

from earwitness.schema.train import SpecAugmentParams

FloatArray = NDArray[np.float32]


def shift_and_gain(
    features: FloatArray, params: SpecAugmentParams, rng: np.random.Generator
) -> FloatArray:
    """Roll a clip in time and change its level.

    Parameters
    ----------
    features : np.ndarray [shape=(2, n_mels, frames)]
        Log-mel in dB, and PCEN.
    params : SpecAugmentParams
        `roll` and `gain_db` are used.
    rng : np.random.Generator
        The clip's own generator.

    Returns
    -------
    np.ndarray [shape=(2, n_mels, frames)]
        A new array. The gain moves the log-mel channel only: PCEN divides it out.
    """
    frames = features.shape[-1]
    reach = round(params.roll * frames)
    rolled = np.roll(features, int(rng.integers(-reach, reach + 1)), axis=-1)
    rolled[0] += np.float32(rng.uniform(-params.gain_db, params.gain_db))
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
    features : np.ndarray [shape=(2, n_mels, frames)]
        Changed in place.
    fill : np.ndarray [shape=(2, 1, 1)]
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
