"""Minutes against accuracy."""

from pathlib import Path

import pandas as pd

from earwitness.plots.style import COLOURS, drawing


def plot_frontier(frontier: pd.DataFrame, path: Path) -> None:
    """Draw what each profile takes against what it reaches.

    Parameters
    ----------
    frontier : pd.DataFrame
        What `earwitness.evaluation.frontier.frontier_table` returned. Profiles with fewer folds
        than others are left out: their accuracies do not compare.
    path : Path
        The PNG file.
    """
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
        for row in frontier.to_dict("records"):
            axes.annotate(
                f"{row['profile']}: {row['top1']:.3f}",
                (row["minutes"], row["top1"]),
                xytext=(6, -14),
                textcoords="offset points",
            )
        axes.set_xscale("log")
        axes.margins(x=0.25, y=0.2)
        ticks = sorted(set(frontier["minutes"]))
        axes.set_xticks(ticks, [f"{minutes:.0f}" for minutes in ticks])
        axes.minorticks_off()
        axes.set_xlabel("minutes on the machine named in the README (logarithmic)")
        axes.set_ylabel("ensemble, test top-1\n(mean ± std over folds)")
