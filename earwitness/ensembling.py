"""The ensemble over folds: fitted on each fold's validation clips, applied to its test clips."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earwitness.ensemble import Fitted, combine, fit, uniform_log_probs
from earwitness.errors import EarwitnessError
from earwitness.fold import read_fold
from earwitness.store.arrays import ArrayReader, ArrayWriter
from earwitness.store.atomic import write_json

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FoldEnsemble:
    """The ensemble of one fold.

    Attributes
    ----------
    fit : Fitted
        Weights and temperatures.
    tta_shifts_seconds : list of float
        The shifts over which the members' logits were averaged.
    rows : np.ndarray [shape=(n,)]
        The test clips.
    log_probs, uniform_log_probs : np.ndarray [shape=(n, classes)]
        Of the test clips, with fitted and with uniform weights.
    """

    fit: Fitted
    tta_shifts_seconds: list[float]
    rows: NDArray[np.int64]
    log_probs: FloatArray
    uniform_log_probs: FloatArray


def fit_folds(
    predictions: Path,
    members: Sequence[str],
    folds: Sequence[int],
    split_files: tuple[Path, Path],
    l2: float,
) -> dict[int, FoldEnsemble]:
    """Fit one ensemble a fold.

    Parameters
    ----------
    predictions : Path
        Folder with ``<member>/fold<k>.h5``; only the named members and folds are read.
    members : sequence of str
        Members of the ensemble.
    folds : sequence of int
        Test folds.
    split_files : tuple of Path
        data/splits.json and data/manifest.csv.
    l2 : float
        Penalty towards uniform weights.

    Returns
    -------
    dict of int to FoldEnsemble
        In the order of `folds`.
    """
    return {fold: _fit_fold(predictions, members, fold, split_files, l2) for fold in sorted(folds)}


def _fit_fold(
    predictions: Path,
    members: Sequence[str],
    fold: int,
    split_files: tuple[Path, Path],
    l2: float,
) -> FoldEnsemble:
    part = read_fold(*split_files, fold)
    validation, test = {}, {}
    for member in members:
        path = predictions / member / f"fold{fold}.h5"
        with ArrayReader(path) as store:
            for name, rows in (("validation", part.validation), ("test", part.test)):
                if not np.array_equal(store.read(f"{name}_rows"), rows):
                    raise EarwitnessError(
                        f"{path} is not about the {name} clips of data/splits.json: run `dvc repro`"
                    )
            validation[member] = store.read("validation_tta")
            test[member] = store.read("test_tta")
            shifts = json.loads(store.attrs["tta_shifts_seconds"])
    # Fitted before the test logits are combined, and on nothing but validation clips.
    fitted = fit(validation, part.targets[part.validation], l2)
    return FoldEnsemble(
        fit=fitted,
        tta_shifts_seconds=shifts,
        rows=part.test,
        log_probs=combine(test, fitted.weights, fitted.temperatures),
        uniform_log_probs=uniform_log_probs(test),
    )


def write_ensemble(fitted: Mapping[int, FoldEnsemble], weights: Path, scores: Path) -> None:
    """Write the ensembles of all folds and what they say of the test clips.

    Parameters
    ----------
    fitted : mapping of int to FoldEnsemble
        By fold.
    weights : Path
        JSON with weights, temperatures and validation losses.
    scores : Path
        Store with ``rows``, ``fold``, ``log_probs``, ``uniform_log_probs``, fold by fold.
    """
    first = next(iter(fitted.values()))
    report = {str(fold): asdict(result.fit) for fold, result in fitted.items()}
    content = {
        "members": list(first.fit.weights),
        "tta_shifts_seconds": first.tta_shifts_seconds,
        "folds": report,
    }
    write_json(weights, content)
    arrays = {
        "rows": np.concatenate([result.rows for result in fitted.values()]),
        "fold": np.repeat(
            np.array(list(fitted), dtype=np.int64), [len(r.rows) for r in fitted.values()]
        ),
        "log_probs": np.concatenate([r.log_probs for r in fitted.values()]).astype(np.float32),
        "uniform_log_probs": np.concatenate([r.uniform_log_probs for r in fitted.values()]).astype(
            np.float32
        ),
    }
    layout = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    with ArrayWriter(scores, layout, {}) as writer:
        for name, array in arrays.items():
            writer.write(name, slice(None), array)
