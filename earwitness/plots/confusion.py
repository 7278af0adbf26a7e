"""Confusion matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import PowerNorm

from earwitness.plots.style import drawing

CELL_INCHES = 0.26
MARGIN_INCHES = 2.6  # room for names of up to `SHORT` characters, at either axis
SHORT, CHARACTER_INCHES = 16, 0.07
LEAST_INCHES = 5.0  # for the title


def plot_confusion(confusion: pd.DataFrame, categories: Sequence[str], path: Path) -> None:
    """Draw how often each class was taken for each other, with the counts.

    Parameters
    ----------
    confusion : pd.DataFrame
        What `earwitness.evaluation.tables.confusion_table` returned.
    categories : sequence of str
        All classes, in the order of rows and columns.
    path : Path
        The PNG file.
    """
    counts = count_confusions(confusion, categories)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    longest = max(map(len, categories))
    margin = MARGIN_INCHES + CHARACTER_INCHES * max(0, longest - SHORT)
    side = max(LEAST_INCHES, CELL_INCHES * len(categories) + margin)
    with drawing(path, side, side) as figure:
        axes = figure.subplots()
        # The square root keeps single mistakes (1 of 40 clips) visible.
        axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
        for actual, predicted in np.argwhere(counts):
            axes.text(
                predicted,
                actual,
                str(counts[actual, predicted]),
                color="white" if share[actual, predicted] > 0.4 else "black",
                ha="center",
                va="center",
                fontsize=7,
            )
        places = np.arange(len(categories))
        axes.set_xticks(places, categories, rotation=90, fontsize=8)
        axes.set_yticks(places, categories, fontsize=8)
        axes.set_xticks(places - 0.5, minor=True)
        axes.set_yticks(places - 0.5, minor=True)
        axes.grid(visible=False, which="major")
        axes.grid(visible=True, which="minor")
        axes.tick_params(which="minor", length=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("actual")
        right = int(np.trace(counts))
        total = max(int(counts.sum()), 1)
        figure.suptitle(f"Ensemble on the test folds: {right} of {total} clips right")


def count_confusions(confusion: pd.DataFrame, categories: Sequence[str]) -> npt.NDArray[np.int64]:
    """Count pairs of actual and predicted class.

    Parameters
    ----------
    confusion : pd.DataFrame
        Columns actual and predicted, one row a clip.
    categories : sequence of str
        All K classes.

    Returns
    -------
    np.ndarray
        Shape (K, K): row actual, column predicted.
    """
    index = {category: position for position, category in enumerate(categories)}
    counts = np.zeros((len(index), len(index)), dtype=np.int64)
    actual = confusion["actual"].map(index).to_numpy()
    predicted = confusion["predicted"].map(index).to_numpy()
    np.add.at(counts, (actual, predicted), 1)
    return counts
