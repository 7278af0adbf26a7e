"""Accuracy by class."""

from pathlib import Path

import numpy as np
import pandas as pd

from earwitness.plots.style import ENSEMBLE, GRID, MARKERS, colours, drawing

ROW_INCHES = 0.24


def plot_per_class(per_class: pd.DataFrame, path: Path) -> None:
    """Draw the accuracy of the ensemble (bars) and its members (marks) on each class.

    Parameters
    ----------
    per_class : pd.DataFrame
        What `earwitness.evaluation.tables.per_class_table` returned.
    path : Path
        The PNG file.
    """
    beside = ("category", "ensemble", "rank")
    members = [name for name in per_class.columns if name not in beside]
    palette = colours(members)
    with drawing(path, 8, ROW_INCHES * len(per_class) + 1.4) as figure:
        axes = figure.subplots()
        places = np.arange(len(per_class))
        axes.barh(places, per_class["ensemble"], height=0.7, color=GRID, label="ensemble")
        axes.vlines(
            per_class["ensemble"], places - 0.35, places + 0.35, color=ENSEMBLE, linewidth=2
        )
        # Members at slightly different heights, so that equal accuracies do not hide each
        # other.
        heights = np.linspace(-0.2, 0.2, len(members)) if len(members) > 1 else np.zeros(1)
        for number, (member, height) in enumerate(zip(members, heights, strict=False)):
            axes.scatter(
                per_class[member],
                places + height,
                s=16,
                marker=MARKERS[number % len(MARKERS)],
                color=palette[member],
                label=member,
                zorder=3,
            )
        axes.set_yticks(places, per_class["category"])
        for label, rank in zip(axes.get_yticklabels(), per_class["rank"], strict=True):
            label.set_fontweight("bold" if rank == "ten worst" else "normal")
        axes.set_ylim(len(per_class) - 0.4, -0.6)
        axes.set_xlim(0, 1.02)
        axes.set_xlabel(
            "top-1 accuracy on the test folds, worst class first, the ten worst in bold"
        )
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside upper center", ncols=min(len(members) + 1, 5))
