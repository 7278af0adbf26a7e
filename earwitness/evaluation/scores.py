"""The predictions on the test folds, read from the stores and put side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earwitness.errors import EarwitnessError
from earwitness.store.arrays import ArrayReader


@dataclass(frozen=True)
class HeldOutScores:
    """What each model says about each clip while the clip's fold was held out.

    All arrays are in the order of the manifest.

    Attributes
    ----------
    rows : np.ndarray, shape (n,)
        Row of each clip in the manifest.
    fold : np.ndarray, shape (n,)
        Test fold of each clip.
    targets : np.ndarray, shape (n,)
        Class index of each clip.
    plain, tta : dict of str to np.ndarray, shape (n, K)
        Logits of each member, of the clip itself and averaged over the time shifts that
        validation chose for its fold.
    ensemble, uniform : np.ndarray, shape (n, K)
        Log-probabilities of the fitted ensemble, and of the one with equal weights.
    parameters : dict of str to int
        Number of weights of each member.
    """

    rows: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    plain: dict[str, npt.NDArray[np.float32]]
    tta: dict[str, npt.NDArray[np.float32]]
    ensemble: npt.NDArray[np.float32]
    uniform: npt.NDArray[np.float32]
    parameters: dict[str, int]


def read_scores(
    ensemble: Path,
    predictions: Path,
    members: Sequence[str],
    folds: Sequence[int],
    targets: npt.NDArray[np.int64],
) -> HeldOutScores:
    """Read the test predictions of the given folds, and of no others.

    Parameters
    ----------
    ensemble : Path
        What the ensemble says (data/ensemble.h5).
    predictions : Path
        Folder with ``<member>/fold<k>.h5``. It may hold folds of an earlier run, which are
        left alone.
    members : sequence of str
        The members.
    folds : sequence of int
        The test folds.
    targets : np.ndarray, shape (N,)
        Class index of every clip of the manifest.

    Returns
    -------
    HeldOutScores
        The clips of these folds.

    Raises
    ------
    EarwitnessError
        If a file is missing or incomplete, or the files are not about the same clips.
    """
    with ArrayReader(ensemble) as reader:
        fold = reader.read("fold")
        rows, shifts, fitted, uniform = (
            reader.read(name) for name in ("rows", "shifts", "log_probs", "uniform_log_probs")
        )
    wanted = np.flatnonzero(np.isin(fold, list(folds)))
    order = wanted[np.argsort(rows[wanted], kind="stable")]
    rows, fold = rows[order], fold[order]
    if len(rows) and rows[-1] >= len(targets):
        raise EarwitnessError(
            f"{ensemble} is about clips that the manifest does not have: run `dvc repro`"
        )
    plain, tta, sizes = {}, {}, {}
    for member in members:
        folder = predictions / member
        plain[member], shifted = _read_member(folder, folds, rows, fold)
        tta[member] = np.empty_like(plain[member])
        for count in np.unique(shifts[order]):
            some = shifts[order] == count
            tta[member][some] = shifted[some, :count].mean(axis=1, dtype=np.float32)
        with ArrayReader(folder / f"fold{folds[0]}.h5") as reader:
            sizes[member] = reader.attrs["parameters"]
    return HeldOutScores(
        rows, fold, targets[rows], plain, tta, fitted[order], uniform[order], sizes
    )


def _read_member(
    folder: Path, folds: Sequence[int], rows: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    found, plain, shifted = [], [], []
    for number in folds:
        path = folder / f"fold{number}.h5"
        with ArrayReader(path) as reader:
            of_fold = reader.read("test_rows")
            if set(of_fold.tolist()) != set(rows[fold == number].tolist()):
                raise EarwitnessError(
                    f"{path} and the ensemble are not about the same clips: run `dvc repro`"
                )
            found.append(of_fold)
            plain.append(reader.read("test_plain"))
            shifted.append(reader.read("test_shifted"))
    order = np.argsort(np.concatenate(found), kind="stable")
    return np.concatenate(plain)[order], np.concatenate(shifted)[order]
