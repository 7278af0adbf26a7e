"""Training examples from stored features."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.augment.mixup import draw_partner, mix
from earwitness.augment.spectrogram import mask, shift_and_gain
from earwitness.schema.train import SpecAugmentParams
from earwitness.store.items import Items

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


class SpectrogramExamples:
    """Augmented features of the training clips of one fold.

    Parameters
    ----------
    features : Items [shape=(n, channels, n_mels, frames)]
        Features of the training clips alone, float16 or float32: an array, or read from a
        store.
    channels : tuple of {"log_mel", "pcen", "waveform"}
        What each channel is.
    targets : np.ndarray [shape=(n,)]
        Class indices.
    classes : int
        Number of classes.
    params : SpecAugmentParams
        Augmentation.
    seed : int
        Of the run.
    """

    def __init__(
        self,
        features: Items,
        channels: tuple[str, ...],
        targets: IntArray,
        classes: int,
        params: SpecAugmentParams,
        seed: int,
    ) -> None:
        self.features = features
        self.channels = channels
        self.one_hot = np.eye(classes, dtype=np.float32)[targets]
        self.params = params
        self.seed = seed
        self.mean, self.std = channel_statistics(features)

    def __len__(self) -> int:
        """Count the training clips."""
        return len(self.features)

    def batch(self, positions: IntArray, epoch: int) -> tuple[tuple[Tensor, ...], Tensor]:
        """Make one batch.

        Parameters
        ----------
        positions : np.ndarray [shape=(B,)]
            Positions in the training set.
        epoch : int
            From 0.

        Returns
        -------
        inputs : tuple of one Tensor [shape=(B, channels, n_mels, frames)]
            Augmented features, cropped in time.
        targets : Tensor [shape=(B, classes)]
            Soft targets.
        """
        *_, frames = self.features.shape
        width = max(1, round(self.params.crop * frames))
        shape = (len(positions), *self.features.shape[1:3], width)
        inputs = np.empty(shape, dtype=np.float32)
        targets = np.empty((len(positions), self.one_hot.shape[1]), dtype=np.float32)
        for i, position in enumerate(positions):
            rng = np.random.default_rng([self.seed, epoch, int(position)])
            partner, keep = draw_partner(
                len(self), self.params.mixup_alpha, self.params.mixup_probability, rng
            )
            example = self._altered(int(position), rng)
            targets[i] = self.one_hot[position]
            if 0 < keep < 1:
                other = self._altered(partner, rng)
                between_class = self.params.mixing == "between_class"
                example = mix(example, other, keep, self.channels, between_class)
                targets[i] = keep * targets[i] + (1 - keep) * self.one_hot[partner]
            mask(example, self.mean, self.params, rng)
            start = int(rng.integers(0, frames - width + 1))
            inputs[i] = example[:, :, start : start + width]
        return (torch.from_numpy(inputs),), torch.from_numpy(targets)

    def _altered(self, position: int, rng: np.random.Generator) -> FloatArray:
        return shift_and_gain(self.features[position], self.channels, self.params, rng)


def channel_statistics(features: Items) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each channel over the training clips.

    Parameters
    ----------
    features : Items [shape=(n, channels, n_mels, frames)]
        Features of the training clips alone.

    Returns
    -------
    mean, std : np.ndarray [shape=(channels, 1, 1)]
        Accumulated in float64 clip by clip, so that memory stays small.
    """
    clips, channels, *image = features.shape
    count = clips * math.prod(image)
    total = np.zeros(channels)
    squares = np.zeros(channels)
    for position in range(clips):
        wide = features[position].astype(np.float64)
        total += wide.sum((1, 2))
        squares += (wide**2).sum((1, 2))
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return (
        mean.astype(np.float32)[:, None, None],
        std.astype(np.float32)[:, None, None],
    )
