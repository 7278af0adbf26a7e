"""Training examples from stored activations of a frozen trunk."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.augment.mixup import draw_partner
from earwitness.store.items import Items

IntArray = NDArray[np.int64]


class ActivationExamples:
    """Boundary activations and pooled levels of the training clips of one fold.

    Each example is a random stored view of a clip, mixed at the boundary with a random view
    of another (manifold mixup, Verma et al., ICML 2019).

    Parameters
    ----------
    boundary : sequence of Items [shape=(n, ...)]
        What the first trainable block reads, training clips alone: one entry a view.
    levels : sequence of Items [shape=(n, D)]
        Pooled outputs of the frozen blocks, one entry a view.
    targets : np.ndarray [shape=(n,)]
        Class indices.
    classes : int
        Number of classes.
    mixup : tuple of (float, float)
        Alpha and probability.
    seed : int
        Of the run.
    """

    def __init__(
        self,
        boundary: Sequence[Items],
        levels: Sequence[Items],
        targets: IntArray,
        classes: int,
        mixup: tuple[float, float],
        seed: int,
    ) -> None:
        self.boundary = boundary
        self.levels = levels
        self.one_hot = np.eye(classes, dtype=np.float32)[targets]
        self.mixup = mixup
        self.seed = seed

    def __len__(self) -> int:
        """Count the training clips."""
        return len(self.one_hot)

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
        inputs : tuple of Tensor
            Boundary (B, ...) and levels (B, D), float32.
        targets : Tensor [shape=(B, classes)]
            Soft targets.
        """
        size = len(positions)
        boundary = np.empty((size, *self.boundary[0].shape[1:]), dtype=np.float32)
        levels = np.empty((size, self.levels[0].shape[1]), dtype=np.float32)
        targets = np.empty((size, self.one_hot.shape[1]), dtype=np.float32)
        for i, position in enumerate(positions.tolist()):
            rng = np.random.default_rng([self.seed, epoch, position])
            partner, keep = draw_partner(len(self), *self.mixup, rng)
            view, partner_view = rng.integers(len(self.boundary), size=2).tolist()
            boundary[i] = self.boundary[view][position]
            levels[i] = self.levels[view][position]
            targets[i] = self.one_hot[position]
            if keep < 1:
                boundary[i] *= keep
                boundary[i] += (1 - keep) * self.boundary[partner_view][partner].astype(np.float32)
                levels[i] = keep * levels[i] + (1 - keep) * self.levels[partner_view][partner]
                targets[i] = keep * targets[i] + (1 - keep) * self.one_hot[partner]
        inputs = (torch.from_numpy(boundary), torch.from_numpy(levels))
        return inputs, torch.from_numpy(targets)
