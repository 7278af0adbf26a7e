"""Temperature scaling (Guo et al., ICML 2017)."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

_BOUND = 3.0  # of the temperature's logarithm: from 0.05 to 20


def negative_log_likelihood(
    logits: NDArray[np.floating], targets: NDArray[np.int64], temperature: float = 1.0
) -> float:
    """Mean negative log-likelihood of the true classes.

    Parameters
    ----------
    logits : np.ndarray [shape=(n, classes)]
        Logits or log-probabilities.
    targets : np.ndarray [shape=(n,)]
        Class indices.
    temperature : float
        Divides the logits.

    Returns
    -------
    float
        In nats.
    """
    log_probs = log_softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)
    return float(-log_probs[np.arange(len(targets)), targets].mean())


def fit_temperature(logits: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """Find the temperature with the least negative log-likelihood.

    Parameters
    ----------
    logits : np.ndarray [shape=(n, classes)]
        Logits on validation clips.
    targets : np.ndarray [shape=(n,)]
        Class indices.

    Returns
    -------
    float
        Between exp(-3) and exp(3).
    """
    from scipy.optimize import minimize_scalar  # half a second that a prediction can do without

    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, targets, float(np.exp(log_t))),
        bounds=(-_BOUND, _BOUND),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))
