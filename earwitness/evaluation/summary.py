"""The numbers of ``metrics/summary.json``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from earwitness.evaluation.bootstrap import paired_bootstrap
from earwitness.evaluation.metrics import expected_calibration_error, hits
from earwitness.evaluation.scores import HeldOutScores

DIGITS = 6
TOP = (1, 3)


def summarise(
    scores: HeldOutScores,
    weights: pd.DataFrame,
    *,
    dataset: str,
    clips: int,
    ece_bins: int,
    sources: npt.NDArray[np.str_],
) -> dict[str, Any]:
    """Accuracy of each member and of the ensemble, over the test folds.

    Parameters
    ----------
    scores : HeldOutScores
        Predictions on the test folds.
    weights : pd.DataFrame
        The ensemble's, from `earwitness.evaluation.tables.weights_table`.
    dataset : str
        Name of the data set.
    clips : int
        Clips in its manifest.
    ece_bins : int
        Bins of the expected calibration error.
    sources : np.ndarray [shape=(N,)]
        Source recording of every clip of the manifest.

    Returns
    -------
    dict
        ``<member>.plain|tta.top1|top3.{mean,std,folds}``, ``<member>.parameters``,
        ``ensemble.top1|top3`` and ``ensemble.uniform.top1|top3`` likewise; ``<member>.ece``,
        ``ensemble.uniform.ece`` and ``ensemble.ece``, over all test clips (only the last one is
        calibrated); ``ensemble.weights|temperatures.<member>.{mean,std,folds}``;
        ``ensemble.over_best_member``, a paired bootstrap by source recording against the
        member with the best top-1 (`paired_bootstrap`); and
        ``dataset.{name,clips,classes,folds}``. Accuracies are fractions; mean and standard
        deviation (of the population, ddof 0) are over folds. Ready for JSON.

    Raises
    ------
    EarwitnessError
        If predictions hold NaN.
    """
    summary: dict[str, Any] = {
        member: {
            "plain": _accuracies(scores.plain[member], scores),
            "tta": _accuracies(scores.tta[member], scores),
            "ece": _ece(scores.tta[member], scores, ece_bins),
            "parameters": scores.parameters[member],
        }
        for member in scores.tta
    }
    summary["ensemble"] = {
        **_accuracies(scores.ensemble, scores),
        "uniform": {
            **_accuracies(scores.uniform, scores),
            "ece": _ece(scores.uniform, scores, ece_bins),
        },
        "ece": _ece(scores.ensemble, scores, ece_bins),
        "over_best_member": _over_best_member(scores, sources[scores.rows]),
        "weights": _by_member(weights, "weight"),
        "temperatures": _by_member(weights, "temperature"),
    }
    summary["dataset"] = {
        "name": dataset,
        "clips": clips,
        "classes": scores.ensemble.shape[1],
        "folds": len(np.unique(scores.fold)),
    }
    return summary


def _accuracies(values: npt.NDArray[np.float32], scores: HeldOutScores) -> dict[str, Any]:
    return {f"top{k}": _accuracy(hits(values, scores.targets, k), scores.fold) for k in TOP}


def _ece(values: npt.NDArray[np.float32], scores: HeldOutScores, bins: int) -> float:
    probs = softmax(values.astype(np.float64), axis=1)
    return round(expected_calibration_error(probs, scores.targets, bins), DIGITS)


def _over_best_member(scores: HeldOutScores, sources: npt.NDArray[np.str_]) -> dict[str, Any]:
    right = {member: hits(logits, scores.targets, 1) for member, logits in scores.tta.items()}
    best = max(right, key=lambda member: right[member].mean())
    compared = paired_bootstrap(hits(scores.ensemble, scores.targets, 1), right[best], sources)
    return {"member": best, **{key: round(value, DIGITS) for key, value in compared.items()}}


def _accuracy(right: npt.NDArray[np.bool_], fold: npt.NDArray[np.int64]) -> dict[str, Any]:
    return _over_folds({number: float(right[fold == number].mean()) for number in np.unique(fold)})


def _by_member(weights: pd.DataFrame, column: str) -> dict[str, Any]:
    return {
        str(member): _over_folds(dict(zip(rows["fold"], rows[column], strict=True)))
        for member, rows in weights.groupby("model", sort=False)
    }


def _over_folds(folds: Mapping[int, float]) -> dict[str, Any]:
    values = np.array(list(folds.values()))
    return {
        "mean": round(float(values.mean()), DIGITS),
        "std": round(float(values.std()), DIGITS),
        "folds": {str(number): round(float(value), DIGITS) for number, value in folds.items()},
    }
