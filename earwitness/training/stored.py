"""What one fold needs from a store of frozen activations."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earwitness.fold import Fold
from earwitness.store.arrays import ArrayReader

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class StoredFold:
    """Stored activations of one fold's training and validation clips.

    Attributes
    ----------
    train_boundary, train_levels : np.ndarray [shape=(views, n, ...)]
        Every stored view of the training clips.
    train_targets : np.ndarray [shape=(n,)]
        Class indices.
    validation_boundary, validation_levels : np.ndarray [shape=(v, ...)]
        The validation clips themselves (view 0).
    validation_targets : np.ndarray [shape=(v,)]
        Class indices.
    """

    train_boundary: NDArray[np.floating]
    train_levels: NDArray[np.float32]
    train_targets: IntArray
    validation_boundary: NDArray[np.floating]
    validation_levels: NDArray[np.float32]
    validation_targets: IntArray


def read_stored_fold(store: Path, fold: Fold) -> StoredFold:
    """Read what one fold needs from a trunk store.

    Parameters
    ----------
    store : Path
        Written by `earwitness.backbones.trunk.build_trunk`.
    fold : Fold
        Its training and validation clips; the test clips are not read.

    Returns
    -------
    StoredFold
        In memory.
    """
    with ArrayReader(store) as reader:
        arrays = {}
        for name in ("boundary", "levels"):
            views = reader.shape(name)[0]
            validation = reader.read(name, _view(0, fold.validation))
            train = np.empty((views, len(fold.train), *validation.shape[1:]), validation.dtype)
            for view in range(views):
                train[view] = reader.read(name, _view(view, fold.train))
            arrays[f"train_{name}"], arrays[f"validation_{name}"] = train, validation
    return StoredFold(
        **arrays,
        train_targets=fold.targets[fold.train],
        validation_targets=fold.targets[fold.validation],
    )


def _view(view: int, rows: IntArray) -> IntArray:
    return np.column_stack([np.full(len(rows), view), rows])
