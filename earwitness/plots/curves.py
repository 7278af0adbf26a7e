"""Training curves."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from earwitness.plots.style import colours, drawing

COLUMN_WIDTH = 4.2


def plot_curves(curves: pd.DataFrame, path: Path) -> None:
    """Draw losses and validation accuracy over the epochs, one column a member.

    Thin lines are folds, the thick one is their mean.

    Parameters
    ----------
    curves : pd.DataFrame
        What `earwitness.evaluation.tables.curves_table` returned.
    path : Path
        The PNG file.
    """
    members = list(dict.fromkeys(curves["member"]))
    with drawing(path, max(COLUMN_WIDTH * len(members), 5), 6) as figure:
        if not members:
            figure.text(0.5, 0.5, "no model was trained", ha="center")
            return
        palette = colours(members)
        axes = figure.subplots(2, len(members), squeeze=False, sharex="col", sharey="row")
        for column, member in enumerate(members):
            runs = curves[curves["member"] == member]
            losses, accuracy = axes[:, column]
            _draw(losses, runs, "validation_loss", palette[member], "-")
            _draw(losses, runs, "train_loss", palette[member], (0, (3, 2)))
            _draw(accuracy, runs, "validation_top1", palette[member], "-")
            losses.set_title(member)
            accuracy.set_xlabel("epoch")
            accuracy.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0, 0].set_ylabel("loss (nats)")
        axes[1, 0].set_ylabel("validation top-1")
        axes[0, 0].legend(
            handles=[
                Line2D([], [], color="black", linestyle="-", label="validation"),
                Line2D([], [], color="black", linestyle=(0, (3, 2)), label="train"),
            ]
        )


def _draw(axes: Any, runs: pd.DataFrame, column: str, colour: str, line: Any) -> None:
    for _, run in runs.groupby("fold"):
        axes.plot(run["epoch"], run[column], color=colour, linestyle=line, linewidth=0.7, alpha=0.5)
    mean = runs.groupby("epoch")[column].mean()
    # A single epoch is a point: a line would not show.
    marker = "o" if len(mean) == 1 else ""
    axes.plot(mean.index, mean, color=colour, linestyle=line, linewidth=2, marker=marker)
