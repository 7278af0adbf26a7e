"""How sure it is that one model is better than another on the same clips."""

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000


def paired_bootstrap(
    first: npt.NDArray[np.bool_],
    second: npt.NDArray[np.bool_],
    sources: npt.NDArray[np.str_],
    seed: int = 0,
) -> dict[str, float]:
    """Compare two models' hits by a paired bootstrap over source recordings.

    Clips of one recording stand or fall together, so whole recordings are drawn, with
    replacement (a cluster bootstrap; Efron and Tibshirani 1993, chapter 8).

    Parameters
    ----------
    first, second : np.ndarray of bool, shape (n,)
        Whether each model gets each clip right.
    sources : np.ndarray, shape (n,)
        Source recording of each clip.
    seed : int
        Of the resampling.

    Returns
    -------
    dict
        ``difference``: accuracy of the first minus that of the second; ``low``, ``high``: its
        95% interval; ``p_not_better``: share of the resamples in which the first is not
        better.
    """
    groups = np.unique(sources, return_inverse=True)[1]
    gain = np.bincount(groups, weights=first.astype(float) - second.astype(float))
    clips = np.bincount(groups).astype(float)
    rng = np.random.default_rng(seed)
    differences = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        drawn = rng.integers(len(gain), size=len(gain))
        differences[index] = gain[drawn].sum() / clips[drawn].sum()
    low, high = np.quantile(differences, [0.025, 0.975])
    return {
        "difference": float(gain.sum() / clips.sum()),
        "low": float(low),
        "high": float(high),
        "p_not_better": float((differences <= 0).mean()),
    }
