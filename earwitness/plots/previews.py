"""What a network is given of a few clips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from earwitness.plots.style import drawing

MOST = 8
NAMES = {"log_mel": "log-mel (dB)", "pcen": "PCEN", "waveform": "waveform"}


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
    features: npt.NDArray[np.floating],
    channels: Sequence[str],
    titles: Sequence[str],
    seconds: float,
    path: Path,
) -> None:
    """Draw the channels of some clips' features, one column a clip.

    Parameters
    ----------
    features : np.ndarray, shape (n, channels, n_mels, frames)
        What is stored of the clips.
    channels : sequence of {"log_mel", "pcen", "waveform"}
        What each channel is.
    titles : sequence of str
        One a clip.
    seconds : float
        Length of the clips.
    path : Path
        The PNG file.
    """
    rows = len(channels)
    with drawing(path, 2.1 * len(features) + 0.6, 2 * rows) as figure:
        axes = figure.subplots(rows, len(features), squeeze=False, sharex=True, sharey=True)
        for column, clip in enumerate(features):
            for row, channel in enumerate(clip):
                panel = axes[row, column]
                panel.grid(visible=False)
                if channels[row] == "waveform":
                    panel.plot(np.linspace(0, seconds, channel.shape[1]), channel[0], lw=0.3)
                    continue
                panel.imshow(
                    channel.astype(np.float32),
                    origin="lower",
                    aspect="auto",
                    cmap="magma",
                    extent=(0, seconds, 0, channel.shape[0]),
                )
            axes[0, column].set_title(titles[column], fontsize=8)
            axes[-1, column].set_xlabel("seconds")
        for row, name in enumerate(channels):
            unit = "" if name == "waveform" else "\nmel band"
            axes[row, 0].set_ylabel(NAMES[name] + unit)
