"""How sure the models are, and how often they are right when they are that sure."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from earwitness.evaluation.metrics import confidence_bins, hits
from earwitness.evaluation.scores import HeldOutScores
from earwitness.evaluation.summary import DIGITS


def reliability_table(scores: HeldOutScores, bins: int) -> pd.DataFrame:
    """Compute the points of reliability diagrams (Guo et al. 2017).

    Parameters
    ----------
    scores : HeldOutScores
        Predictions on the test folds.
    bins : int
        Equal-width bins of the probability of the first guess.

    Returns
    -------
    pd.DataFrame
        Columns model, confidence and accuracy (means over the bin's clips), clips; one row
        for each bin that has clips. The models are the ensemble, the one with equal weights,
        and the members, whose own probabilities no temperature has corrected.
    """
    probs: dict[str, npt.NDArray[np.float64]] = {
        "ensemble": np.exp(scores.ensemble.astype(np.float64)),
        "uniform": np.exp(scores.uniform.astype(np.float64)),
    }
    probs |= {member: softmax(x.astype(np.float64), axis=1) for member, x in scores.tta.items()}
    tables = []
    for model, values in probs.items():
        confidence = values.max(axis=1)
        right = hits(values, scores.targets, 1)
        clips = pd.DataFrame({"confidence": confidence, "accuracy": right.astype(np.float64)})
        in_bin = clips.groupby(confidence_bins(confidence, bins))
        table = in_bin.mean().round(DIGITS).assign(clips=in_bin.size())
        table.insert(0, "model", model)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
