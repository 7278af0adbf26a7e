"""What a network is given of a few clips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from earwitness.plots.style import drawing

MOST = 8
CHANNELS = ("log-mel (dB)", "PCEN")


def choose_clips(manifest: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Choose one clip of each class, of at most eight classes spread over all.

    Parameters
    ----------
    manifest : pd.DataFrame
        Columns target and others, one row a clip.

    Returns
    -------
    np.ndarray
        Rows of the manifest, in the order of the classes.
    """
    first = manifest["target"].drop_duplicates().sort_values().index.to_numpy(dtype=np.int64)
    places = np.linspace(0, len(first) - 1, min(MOST, len(first))).round().astype(np.int64)
    return first[places]


def plot_previews(
    features: npt.NDArray[np.floating], titles: Sequence[str], seconds: float, path: Path
) -> None:
    """Draw the two channels of some clips' features, one column a clip.

    Parameters
    ----------
    features : np.ndarray, shape (n, 2, n_mels, frames)
        Log-mel in dB, and PCEN.
    titles : sequence of str
        One a clip.
    seconds : float
        Length of the clips.
    path : Path
        The PNG file.
    """
    with drawing(path, 2.1 * len(features) + 0.6, 4) as figure:
        axes = figure.subplots(2, len(features), squeeze=False, sharex=True, sharey=True)
        for column, clip in enumerate(features):
            for row, channel in enumerate(clip):
                panel = axes[row, column]
                panel.imshow(
                    channel.astype(np.float32),
                    origin="lower",
                    aspect="auto",
                    cmap="magma",
                    extent=(0, seconds, 0, channel.shape[0]),
                )
                panel.grid(visible=False)
            # A dollar sign would start a formula.
            axes[0, column].set_title(titles[column].replace("$", r"\$"), fontsize=8)
            axes[1, column].set_xlabel("seconds")
        for row, name in enumerate(CHANNELS):
            axes[row, 0].set_ylabel(f"{name}\nmel band")
