"""Mixing of two training examples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_LOG2_10 = float(np.log2(10))


def draw_partner(
    examples: int, alpha: float, probability: float, rng: np.random.Generator
) -> tuple[int, float]:
    """Choose an example to mix with, and how much of the original to keep.

    Parameters
    ----------
    examples : int
        Number of training examples; the partner is one of them, so never a clip of
        validation or test.
    alpha : float
        Parameter of the symmetric Beta distribution; 0 for no mixing.
    probability : float
        Share of the examples that are mixed.
    rng : np.random.Generator
        The example's own generator.

    Returns
    -------
    partner : int
        Position in the training set.
    keep : float
        Share of the original, in [0, 1]; 1.0 for no mixing.
    """
    partner = int(rng.integers(examples))
    mixed = rng.random() < probability
    if alpha == 0 or not mixed:
        return partner, 1.0
    return partner, float(rng.beta(alpha, alpha))


def mix(
    first: FloatArray,
    second: FloatArray,
    keep: float,
    channels: Sequence[str],
    between_class: bool,
) -> FloatArray:
    """Mix the features of two clips.

    Parameters
    ----------
    first, second : np.ndarray [shape=(channels, n_mels, frames)]
        Features of the two clips.
    keep : float
        Share of the first, in (0, 1).
    channels : sequence of {"log_mel", "pcen", "waveform"}
        What each channel is.
    between_class : bool
        Whether log-mel is mixed as mel power at equal levels (see `mix_power`); every other
        channel is mixed as it is (mixup, Zhang et al., ICLR 2018).

    Returns
    -------
    np.ndarray [shape=(channels, n_mels, frames)]
        A new array.
    """
    mixed: FloatArray = keep * first + (1 - keep) * second
    for channel, name in enumerate(channels):
        if between_class and name == "log_mel":
            mixed[channel] = mix_power(first[channel], second[channel], keep)
    return mixed


def mix_power(first_db: FloatArray, second_db: FloatArray, keep: float) -> FloatArray:
    """Mix two sounds so that the share of each is what is heard of it.

    Between-class learning (Tokozume, Ushiku and Harada, ICLR 2018) on mel power instead of
    waveforms: the amplitudes are weighted against the difference in level, and the powers of
    two unrelated sounds add.

    Parameters
    ----------
    first_db, second_db : np.ndarray [shape=(n_mels, frames)]
        Log-mel spectrograms in dB.
    keep : float
        Share of the first, in (0, 1).

    Returns
    -------
    np.ndarray [shape=(n_mels, frames)]
        Log-mel spectrogram of the mixture, in dB.
    """
    first, second = (np.exp2(x * np.float32(_LOG2_10 / 10)) for x in (first_db, second_db))
    ratio = float(np.sqrt(first.mean() / second.mean()))
    share = 1 / (1 + ratio * (1 - keep) / keep)
    weights = np.array([share**2, (1 - share) ** 2]) / (share**2 + (1 - share) ** 2)
    power = np.float32(weights[0]) * first + np.float32(weights[1]) * second
    mixed: FloatArray = np.log2(power) * np.float32(10 / _LOG2_10)
    return mixed
