"""Accuracy by fold."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earwitness.evaluation.summary import DIGITS
from earwitness.plots.style import colours, drawing

LABELS = {"ensemble": "ensemble\n(fitted)", "uniform": "ensemble\n(equal weights)"}
GROUP_INCHES = 1.7


def plot_folds(folds: pd.DataFrame, path: Path) -> None:
    """Draw top-1 and top-3 accuracy of each model on each fold, with mean and deviation.

    Parameters
    ----------
    folds : pd.DataFrame
        What `earwitness.evaluation.tables.folds_table` returned.
    path : Path
        The PNG file.
    """
    models = list(dict.fromkeys(folds["model"]))
    with drawing(path, max(GROUP_INCHES * len(models) + 1, 6), 6.5) as figure:
        axes = figure.subplots(2, 1, sharex=True)
        for panel, column, title in zip(axes, ("top1", "top3"), ("top-1", "top-3"), strict=True):
            _draw(panel, folds, models, column)
            panel.set_ylabel(f"{title} accuracy")
        axes[1].set_xticks(range(len(models)), [LABELS.get(name, name) for name in models])
        axes[1].set_xlabel("bars: test folds in ascending order; line and band: mean ± std")


def _draw(axes: Any, folds: pd.DataFrame, models: list[str], column: str) -> None:
    palette = colours(models)
    for place, model in enumerate(models):
        values = folds.loc[folds["model"] == model].sort_values("fold")[column].to_numpy()
        # Rounded like the summary, so that both round alike when printed.
        mean, std = values.mean().round(DIGITS), values.std().round(DIGITS)
        width = 0.8 / len(values)
        at = place - 0.4 + width * (np.arange(len(values)) + 0.5)
        axes.bar(at, values, width=0.85 * width, color=palette[model], alpha=0.55)
        ends = [place - 0.42, place + 0.42]
        axes.fill_between(ends, mean - std, mean + std, color=palette[model], alpha=0.3, lw=0)
        axes.plot(ends, [mean, mean], color=palette[model], linewidth=2)
        axes.text(place, 1.02, f"{mean:.3f} ± {std:.3f}", ha="center", va="bottom", fontsize=8)
    # Bars start at zero: a cut axis would exaggerate the differences.
    axes.set_ylim(0, 1.12)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.grid(visible=False, axis="x")
