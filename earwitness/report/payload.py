"""What the page knows of each clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from earwitness.evaluation.metrics import top_k_accuracy
from earwitness.evaluation.scores import HeldOutScores
from earwitness.labels import ClassEntry

BEST = 3


def build_payload(
    scores: HeldOutScores, filenames: Sequence[str], classes: Sequence[ClassEntry], dataset: str
) -> dict[str, Any]:
    """Collect the clips and what each model says of them, with test-time augmentation.

    Parameters
    ----------
    scores : HeldOutScores
        Predictions on the test folds.
    filenames : sequence of str
        File name of every clip of the manifest.
    classes : sequence of ClassEntry
        The classes, as in the splits.
    dataset : str
        Name of the data set.

    Returns
    -------
    dict
        ``dataset``, ``classes`` (categories), ``models`` (the ensemble, then its members),
        ``accuracy`` (top-1 over all clips, one a model) and ``clips``: dicts of ``row``,
        ``file``, ``fold``, ``target`` (class index) and ``top``, for each model the three
        best guesses as pairs of class index and probability. Ready for JSON.

    Raises
    ------
    EarwitnessError
        If there are no clips or predictions hold NaN.
    """
    probs: dict[str, npt.NDArray[np.float64]] = {
        "ensemble": np.exp(scores.ensemble.astype(np.float64))
    }
    probs |= {member: softmax(x.astype(np.float64), axis=1) for member, x in scores.tta.items()}
    best = [_best(values) for values in probs.values()]
    return {
        "dataset": dataset,
        "classes": [entry["category"] for entry in classes],
        "models": list(probs),
        "accuracy": [top_k_accuracy(values, scores.targets, 1) for values in probs.values()],
        "clips": [
            {
                "row": int(row),
                "file": filenames[row],
                "fold": int(scores.fold[index]),
                "target": int(scores.targets[index]),
                "top": [guesses[index] for guesses in best],
            }
            for index, row in enumerate(scores.rows)
        ],
    }


def _best(probs: npt.NDArray[np.float64]) -> list[list[tuple[int, float]]]:
    order = np.argsort(-probs, axis=1, kind="stable")[:, :BEST]
    values = np.take_along_axis(probs, order, axis=1).round(4)
    return [
        list(zip(guesses, shares, strict=True))
        for guesses, shares in zip(order.tolist(), values.tolist(), strict=True)
    ]
