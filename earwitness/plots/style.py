"""One look for all plots: light, legible, safe for colour-blind readers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from earwitness.store.atomic import atomic_path

# Okabe and Ito (2008), "Color universal design", without yellow, which pales on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# One more than colours: no two of many models have both in common.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
ENSEMBLE = "#333333"
UNIFORM = "#999999"
GRID = "#DDDDDD"

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with Matplotlib
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    # A class may be called $x$: its name is no formula.
    "text.parse_math": False,
    "savefig.facecolor": "white",
}


@contextmanager
def drawing(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure, and write it to `path` when the block ends.

    Parameters
    ----------
    path : Path
        PNG file, written atomically.
    width, height : float
        Size in inches, at 110 dots an inch.

    Yields
    ------
    Figure
        With constrained layout.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with atomic_path(path) as partial:
            # Without this, the file would name the Matplotlib version.
            figure.savefig(partial, format="png", metadata={"Software": None})


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each model a colour; the ensembles have their own, the same in every plot."""
    fixed = {"ensemble": ENSEMBLE, "uniform": UNIFORM}
    members = [name for name in names if name not in fixed]
    return fixed | {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(members)}
