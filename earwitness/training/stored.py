"""What one fold needs from a store of frozen activations."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earwitness.fold import Fold
from earwitness.store.arrays import ArrayReader
from earwitness.store.items import Items, open_items

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class StoredFold:
    """Stored activations of one fold's training and validation clips.

    Attributes
    ----------
    train_boundary, train_levels, validation_boundary, validation_levels : \
sequence of Items [shape=(n, ...)]
        One entry a stored view; the first is the clips themselves.
    train_targets, validation_targets : np.ndarray [shape=(n,)]
        Class indices.
    """

    train_boundary: Sequence[Items]
    train_levels: Sequence[Items]
    train_targets: IntArray
    validation_boundary: Sequence[Items]
    validation_levels: Sequence[Items]
    validation_targets: IntArray


def read_stored_fold(store: Path, fold: Fold, memory_gb: float) -> StoredFold:
    """Read what one fold needs from a trunk store.

    Parameters
    ----------
    store : Path
        Written by `earwitness.backbones.trunk.build_trunk`.
    fold : Fold
        Its training and validation clips; the test clips are not read.
    memory_gb : float
        Memory, in 1e9 bytes, that the activations may take.

    Returns
    -------
    StoredFold
        In memory if it fits there, else read from the store clip by clip.
    """
    reader = ArrayReader(store)
    views = reader.shape("boundary")[0]
    parts = [_view(view, rows) for rows in (fold.train, fold.validation) for view in range(views)]
    wanted = [(name, part) for name in ("boundary", "levels") for part in parts]
    items = open_items(reader, wanted, memory_gb)
    boundary, levels = items[: len(parts)], items[len(parts) :]
    return StoredFold(
        train_boundary=boundary[:views],
        train_levels=levels[:views],
        train_targets=fold.targets[fold.train],
        validation_boundary=boundary[views:],
        validation_levels=levels[views:],
        validation_targets=fold.targets[fold.validation],
    )


def _view(view: int, rows: IntArray) -> IntArray:
    return np.column_stack([np.full(len(rows), view), rows])
