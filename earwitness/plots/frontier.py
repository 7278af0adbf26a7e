"""Minutes against accuracy."""

from pathlib import Path

import pandas as pd
from matplotlib.ticker import LogLocator, ScalarFormatter

from earwitness.plots.style import COLOURS, drawing


def plot_frontier(frontier: pd.DataFrame, path: Path) -> None:
    """Draw what each profile takes against what it reaches.

    Parameters
    ----------
    frontier : pd.DataFrame
        What `earwitness.evaluation.frontier.frontier_table` returned. Profiles with fewer folds
        than others, or of a single member, are left out: their accuracies do not compare.
    path : Path
        The PNG file.
    """
    frontier = frontier[frontier["members"].str.contains(", ", regex=False).astype(bool)]
    frontier = frontier[frontier["folds"] == frontier["folds"].max()]
    with drawing(path, 6, 3.6) as figure:
        axes = figure.subplots()
        axes.errorbar(
            frontier["minutes"],
            frontier["top1"],
            yerr=frontier["top1_std"],
            fmt="o-",
            capsize=3,
            color=COLOURS[0],
        )
        for place, row in enumerate(frontier.to_dict("records")):
            # Neighbours take about as long: at either end of the bars, they do not overlap.
            side = 1 if place % 2 else -1
            axes.annotate(
                f"{row['profile']}: {row['top1']:.3f}, {row['minutes']:.0f} min",
                (row["minutes"], row["top1"] + side * row["top1_std"]),
                xytext=(0, 6 * side),
                textcoords="offset points",
                ha="center",
                va="bottom" if side > 0 else "top",
            )
        axes.set_xscale("log")
        axes.margins(x=0.35, y=0.25)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.minorticks_off()
        axes.set_xlabel("minutes on the machine named in the README (logarithmic)")
        axes.set_ylabel("ensemble, test top-1\n(mean ± std over folds)")
