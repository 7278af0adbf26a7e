"""Top-k accuracy and calibration."""

import numpy as np
import numpy.typing as npt

from earwitness.errors import EarwitnessError


def hits(scores: npt.ArrayLike, targets: npt.ArrayLike, k: int) -> npt.NDArray[np.bool_]:
    """Tell for each clip whether its class is among the k highest scores.

    Of equal scores, the class with the lower index counts as higher: a model that gives
    every class the same score does not get every clip right.

    Parameters
    ----------
    scores : array_like, shape (n, K)
        Logits, log-probabilities or probabilities.
    targets : array_like of int, shape (n,)
        Class index of each clip.
    k : int
        How many guesses are allowed.

    Returns
    -------
    np.ndarray
        Booleans, shape (n,).

    Raises
    ------
    EarwitnessError
        If there are no clips or a score is NaN.
    """
    values = np.asarray(scores)
    truth = np.asarray(targets, dtype=np.int64)
    if not len(values):
        raise EarwitnessError("accuracy over no clips is undefined: the test fold is empty")
    if np.isnan(values).any():
        raise EarwitnessError("the predictions hold NaN: the training diverged")
    own = values[np.arange(len(values)), truth][:, None]
    before = np.arange(values.shape[1]) < truth[:, None]
    rank = ((values > own) | ((values == own) & before)).sum(axis=1)
    found: npt.NDArray[np.bool_] = rank < k
    return found


def top_k_accuracy(scores: npt.ArrayLike, targets: npt.ArrayLike, k: int) -> float:
    """Share of the clips whose class is among the k highest scores.

    Parameters
    ----------
    scores : array_like, shape (n, K)
        Logits, log-probabilities or probabilities.
    targets : array_like of int, shape (n,)
        Class index of each clip.
    k : int
        How many guesses are allowed.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    EarwitnessError
        If there are no clips or a score is NaN.
    """
    return float(hits(scores, targets, k).mean())


def expected_calibration_error(probs: npt.ArrayLike, targets: npt.ArrayLike, bins: int) -> float:
    """Mean gap between confidence and accuracy (Guo et al. 2017).

    Clips are put into equal-width bins (a, b] of the probability of their first guess; the
    result is the mean over bins of |accuracy - mean confidence|, weighted by clips.

    Parameters
    ----------
    probs : array_like, shape (n, K)
        Probabilities.
    targets : array_like of int, shape (n,)
        Class index of each clip.
    bins : int
        How many bins.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    EarwitnessError
        If there are no clips or a probability is NaN.
    """
    values = np.asarray(probs, dtype=np.float64)
    right = hits(values, targets, 1)
    confidence = values.max(axis=1)
    bin_of = confidence_bins(confidence, bins)
    gap = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(values))


def confidence_bins(confidence: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.int64]:
    """Put probabilities into equal-width bins (a, b].

    Parameters
    ----------
    confidence : np.ndarray, shape (n,)
        Probability of each clip's first guess.
    bins : int
        How many bins.

    Returns
    -------
    np.ndarray
        Shape (n,): from 0 to `bins` - 1.
    """
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
