"""What validation chooses for the ensemble: how to weigh, and how many time shifts to average."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from earwitness.calibration import negative_log_likelihood
from earwitness.ensemble import combine, fit
from earwitness.schema.ensemble import EnsembleParams, Method

IntArray = NDArray[np.int64]
Shifted = Mapping[str, NDArray[np.floating]]

PARTS = 5


@dataclass(frozen=True)
class Candidate:
    """One way to make the ensemble.

    Attributes
    ----------
    method : {"log_linear", "greedy"}
        How the weights are found.
    shifts : int
        How many time shifts are averaged.
    """

    method: Method
    shifts: int


@dataclass(frozen=True)
class Choice:
    """The candidate with the least cross-validated loss.

    Attributes
    ----------
    best : Candidate
        The first of those with the least loss.
    losses : dict of Candidate to float
        Negative log-likelihood of validation clips that the fit had not seen, in nats.
    """

    best: Candidate
    losses: dict[Candidate, float]

    def report(self) -> dict[str, Any]:
        """Put the choice in a form for JSON."""
        losses = {f"{c.method}, {c.shifts} shifts": loss for c, loss in self.losses.items()}
        return {"method": self.best.method, "nll_crossvalidated": losses}


def first_shifts(logits: Shifted, count: int) -> dict[str, NDArray[np.floating]]:
    """Average each member's logits over its first shifts.

    Parameters
    ----------
    logits : mapping of str to np.ndarray [shape=(n, S, K)]
        Logits of each member on shifted copies of the same clips.
    count : int
        How many shifts, from the first on.

    Returns
    -------
    dict of str to np.ndarray [shape=(n, K), dtype=float32]
        Mean logits.
    """
    return {name: x[:, :count].mean(axis=1, dtype=np.float32) for name, x in logits.items()}


def choose(
    candidates: Sequence[Candidate],
    logits: Shifted,
    targets: IntArray,
    sources: NDArray[np.str_],
    params: EnsembleParams,
) -> Choice:
    """Compare candidates by cross-validation inside the validation clips.

    The loss on the clips that a fit was made on would favour the more flexible fit, so each
    is judged on clips it has not seen, takes of one recording always together.

    Parameters
    ----------
    candidates : sequence of Candidate
        What to choose from.
    logits : mapping of str to np.ndarray [shape=(n, S, K)]
        Logits of each member on the shifted validation clips.
    targets : np.ndarray [shape=(n,)]
        Class indices.
    sources : np.ndarray [shape=(n,)]
        Source recording of each clip.
    params : EnsembleParams
        Section ``ensemble``.

    Returns
    -------
    Choice
        With fewer than two recordings, or one candidate, the first, and no losses.
    """
    parts = min(PARTS, len(np.unique(sources)))
    if parts < 2 or len(candidates) == 1:
        return Choice(candidates[0], {})
    folds = list(GroupKFold(parts).split(targets, groups=sources))
    losses = {}
    for candidate in candidates:
        mean = first_shifts(logits, candidate.shifts)
        unseen = np.empty(next(iter(mean.values())).shape)
        for train, held_out in folds:
            fitted = fit(
                {name: x[train] for name, x in mean.items()},
                targets[train],
                candidate.method,
                params,
            )
            own = {name: x[held_out] for name, x in mean.items()}
            unseen[held_out] = combine(own, fitted.weights, fitted.temperatures)
        losses[candidate] = negative_log_likelihood(unseen, targets)
    return Choice(min(losses, key=lambda candidate: losses[candidate]), losses)
