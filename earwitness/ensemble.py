"""The ensemble: a fitted log-linear pool of its members.

Each member's logits are divided by a temperature (Guo et al. 2017, "On calibration of
modern neural networks"); the pool is the normalised weighted sum of the members'
log-probabilities, i.e. a weighted geometric mean of their probabilities (Genest and Zidek
1986, "Combining probability distributions"; Hinton 2002, "products of experts"). Weights are
those with the least loss, or are found greedily, which has fewer degrees of freedom (Caruana
et al. 2004, "Ensemble selection from libraries of models"). Weights and temperatures are
fitted on validation clips only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from earwitness.calibration import fit_temperature, negative_log_likelihood
from earwitness.errors import EarwitnessError
from earwitness.schema.ensemble import EnsembleParams, Method

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """An ensemble fitted on the validation clips of one fold.

    Attributes
    ----------
    weights : dict of str to float
        Weight of each member, not negative. They need not add up to one: their sum is the
        sharpness of the pool.
    temperatures : dict of str to float
        Temperature of each member.
    nll_fitted, nll_uniform : float
        Mean negative log-likelihood of the validation clips, in nats, under the fitted pool
        and under uniform weights without temperatures.
    """

    weights: dict[str, float]
    temperatures: dict[str, float]
    nll_fitted: float
    nll_uniform: float


def fit(
    validation_logits: Mapping[str, npt.ArrayLike],
    targets: npt.ArrayLike,
    method: Method,
    params: EnsembleParams,
) -> Fitted:
    """Fit a temperature a member, then the weights of the pool.

    Log-linear weights minimise the mean negative log-likelihood plus
    ``l2 * sum((w - 1 / M) ** 2)``, a convex problem, from uniform weights. Greedy weights are
    shares of the members drawn one by one, each the one that lowers the loss of the mean
    log-probabilities most, times the sharpness with the least loss.

    Parameters
    ----------
    validation_logits : mapping of str to array_like, shape (n, K)
        Logits of each of the M members on the validation clips.
    targets : array_like of int, shape (n,)
        Class index of each clip.
    method : {"log_linear", "greedy"}
        How the weights are found.
    params : EnsembleParams
        `l2` and `greedy_steps`.

    Returns
    -------
    Fitted
        The same for the same input, bit for bit, on one machine.

    Raises
    ------
    EarwitnessError
        If the logits of the members do not fit together or hold NaN or infinity.
    """
    logits = _checked(validation_logits)
    truth = np.asarray(targets, dtype=np.int64)
    clips, classes = next(iter(logits.values())).shape
    if truth.shape != (clips,) or truth.min() < 0 or truth.max() >= classes:
        raise EarwitnessError(
            f"the ensemble needs one class index below {classes} for each of {clips} validation "
            f"clips, not an array of shape {truth.shape}"
        )
    temperatures = {name: fit_temperature(values, truth) for name, values in logits.items()}
    cooled = np.stack([log_softmax(x / temperatures[m], axis=1) for m, x in logits.items()])
    if method == "greedy":
        found = _greedy_weights(cooled, truth, params.greedy_steps)
    else:
        found = _fit_weights(cooled, truth, params.l2)
    weights = dict(zip(logits, found, strict=True))
    return Fitted(
        weights=weights,
        temperatures=temperatures,
        nll_fitted=negative_log_likelihood(combine(logits, weights, temperatures), truth),
        nll_uniform=negative_log_likelihood(uniform_log_probs(logits), truth),
    )


def combine(
    logits: Mapping[str, npt.ArrayLike],
    weights: Mapping[str, float],
    temperatures: Mapping[str, float],
) -> Array:
    """Pool the members' logits with fitted weights.

    Parameters
    ----------
    logits : mapping of str to array_like, shape (n, K)
        Logits of each member on the same clips.
    weights, temperatures : mapping of str to float
        As fitted, for the same members.

    Returns
    -------
    np.ndarray
        Log-probabilities, shape (n, K).

    Raises
    ------
    EarwitnessError
        If a member has no weight or no logits, or the logits do not fit together.
    """
    arrays = _checked(logits)
    if not arrays.keys() == weights.keys() == temperatures.keys():
        raise EarwitnessError(
            f"the ensemble was fitted for {', '.join(weights)}, not for {', '.join(arrays)}: run "
            "`dvc repro ensemble`"
        )
    pooled = np.zeros_like(next(iter(arrays.values())))
    for name, values in arrays.items():
        pooled += weights[name] * log_softmax(values / temperatures[name], axis=1)
    return _normalised(pooled)


def uniform_log_probs(logits: Mapping[str, npt.ArrayLike]) -> Array:
    """Pool the members with equal weights and without temperatures.

    Parameters
    ----------
    logits : mapping of str to array_like, shape (n, K)
        Logits of each member on the same clips.

    Returns
    -------
    np.ndarray
        Log-probabilities, shape (n, K): the normalised mean of the members'.

    Raises
    ------
    EarwitnessError
        If the logits of the members do not fit together or hold NaN or infinity.
    """
    arrays = _checked(logits)
    return combine(arrays, dict.fromkeys(arrays, 1 / len(arrays)), dict.fromkeys(arrays, 1.0))


def _fit_weights(log_probs: Array, truth: npt.NDArray[np.int64], l2: float) -> list[float]:
    members, clips, _ = log_probs.shape
    uniform = np.full(members, 1 / members)
    right = log_probs[:, np.arange(clips), truth]  # (M, n)

    def objective(weights: Array) -> tuple[float, Array]:
        pooled = _normalised(np.einsum("m,mnk->nk", weights, log_probs))
        expected = np.einsum("nk,mnk->mn", np.exp(pooled), log_probs)
        away = weights - uniform
        value = negative_log_likelihood(pooled, truth) + l2 * float(away @ away)
        return value, (expected - right).mean(axis=1) + 2 * l2 * away

    from scipy.optimize import minimize  # late, as in fit_temperature

    found = minimize(
        objective,
        uniform,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * members,
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 1000},
    )
    return [float(weight) for weight in found.x]


def _greedy_weights(log_probs: Array, truth: npt.NDArray[np.int64], steps: int) -> list[float]:
    counts = np.zeros(len(log_probs))
    total = np.zeros_like(log_probs[0])
    for step in range(1, steps + 1):
        losses = [negative_log_likelihood((total + own) / step, truth) for own in log_probs]
        best = int(np.argmin(losses))
        counts[best] += 1
        total += log_probs[best]
    sharpness = 1 / fit_temperature(total / steps, truth)
    return [float(count / steps * sharpness) for count in counts]


def _checked(logits: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
    if not logits:
        raise EarwitnessError("the ensemble has no members: list some in `members` of params.yaml")
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in logits.items()}
    first, expected = next((name, values.shape) for name, values in arrays.items())
    if len(expected) != 2 or 0 in expected:
        raise EarwitnessError(f"{first} has logits of shape {expected}, not (clips, classes)")
    for name, values in arrays.items():
        if values.shape != expected:
            raise EarwitnessError(
                f"{name} has logits of shape {values.shape}, but {first} has {expected}: run "
                "`dvc repro`"
            )
        if not np.isfinite(values).all():
            raise EarwitnessError(
                f"{name} predicted NaN or infinity: its training diverged, lower its learning rate"
            )
    return arrays


def _normalised(scores: Array) -> Array:
    log_probs: Array = log_softmax(scores, axis=1)
    return log_probs
