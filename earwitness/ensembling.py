"""The ensemble over folds: fitted on each fold's validation clips, applied to its test clips."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earwitness.ensemble import Fitted, combine, fit, uniform_log_probs
from earwitness.errors import EarwitnessError
from earwitness.fold import Fold, read_fold
from earwitness.schema.ensemble import EnsembleParams
from earwitness.selection import Candidate, Choice, choose, first_shifts
from earwitness.store.arrays import ArrayReader, ArrayWriter
from earwitness.store.atomic import write_json

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FoldEnsemble:
    """The ensemble of one fold.

    Attributes
    ----------
    choice : Choice
        Method and number of shifts, and the losses by which they were chosen.
    fit : Fitted
        Weights and temperatures.
    tta_shifts_seconds : list of float
        The shifts over which the members' logits are averaged.
    rows : np.ndarray [shape=(n,)]
        The test clips.
    log_probs, uniform_log_probs : np.ndarray [shape=(n, classes)]
        Of the test clips, with fitted and with uniform weights.
    """

    choice: Choice
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
    params: EnsembleParams,
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
    params : EnsembleParams
        Section ``ensemble``.

    Returns
    -------
    dict of int to FoldEnsemble
        In the order of `folds`.

    Raises
    ------
    EarwitnessError
        If predictions are missing, are not about the fold's clips, or do not fit together.
    """
    return {
        fold: _fit_fold(predictions, members, fold, read_fold(*split_files, fold), params)
        for fold in folds
    }


def _fit_fold(
    predictions: Path, members: Sequence[str], fold: int, part: Fold, params: EnsembleParams
) -> FoldEnsemble:
    validation, test = {}, {}
    shifts: list[float] = []
    for member in members:
        path = predictions / member / f"fold{fold}.h5"
        with ArrayReader(path) as store:
            for name, rows in (("validation", part.validation), ("test", part.test)):
                if not np.array_equal(store.read(f"{name}_rows"), rows):
                    raise EarwitnessError(
                        f"{path} is not about the {name} clips of data/splits.json: run `dvc repro`"
                    )
            validation[member] = store.read("validation_shifted")  # (n, S, K)
            test[member] = store.read("test_shifted")
            shifts = json.loads(store.attrs["tta_shifts_seconds"])
    candidates = [
        Candidate(method, count)
        for method in params.methods
        for count in dict.fromkeys(min(count, len(shifts)) for count in params.shift_counts)
    ]
    targets, sources = part.targets[part.validation], part.sources[part.validation]
    # Chosen and fitted before the test logits are combined, and on nothing but validation clips.
    choice = choose(candidates, validation, targets, sources, params)
    count = choice.best.shifts
    fitted = fit(first_shifts(validation, count), targets, choice.best.method, params)
    held_out = first_shifts(test, count)
    return FoldEnsemble(
        choice=choice,
        fit=fitted,
        tta_shifts_seconds=shifts[:count],
        rows=part.test,
        log_probs=combine(held_out, fitted.weights, fitted.temperatures),
        uniform_log_probs=uniform_log_probs(held_out),
    )


def write_ensemble(fitted: Mapping[int, FoldEnsemble], weights: Path, scores: Path) -> None:
    """Write the ensembles of all folds and what they say of the test clips.

    Parameters
    ----------
    fitted : mapping of int to FoldEnsemble
        By fold.
    weights : Path
        JSON with weights, temperatures, shifts and validation losses.
    scores : Path
        Store with ``rows``, ``fold``, ``shifts`` (how many were averaged), ``log_probs``,
        ``uniform_log_probs``, fold by fold.
    """
    first = next(iter(fitted.values()))
    report = {
        str(fold): {
            **asdict(result.fit),
            "tta_shifts_seconds": result.tta_shifts_seconds,
            **result.choice.report(),
        }
        for fold, result in fitted.items()
    }
    write_json(weights, {"members": list(first.fit.weights), "folds": report})
    results = list(fitted.values())
    sizes = [len(result.rows) for result in results]
    shifts = [len(result.tta_shifts_seconds) for result in results]
    arrays = {
        "rows": np.concatenate([result.rows for result in results]),
        "fold": np.repeat(np.array(list(fitted), dtype=np.int64), sizes),
        "shifts": np.repeat(np.array(shifts, dtype=np.int64), sizes),
        "log_probs": np.concatenate([r.log_probs for r in results]).astype(np.float32),
        "uniform_log_probs": np.concatenate([r.uniform_log_probs for r in results]).astype(
            np.float32
        ),
    }
    layout = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    with ArrayWriter(scores, layout, {}) as writer:
        for name, array in arrays.items():
            writer.write(name, slice(None), array)
