"""What a stage needs to know to work on one fold."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.errors import EarwitnessError
from earwitness.labels import ClassEntry, class_indices

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """One fold's clips.

    Attributes
    ----------
    train, validation, test : np.ndarray [shape=(n,)]
        Rows of the manifest.
    targets : np.ndarray [shape=(N,)]
        Class index of every clip of the manifest.
    sources : np.ndarray [shape=(N,)]
        Source recording of every clip of the manifest.
    classes : list of ClassEntry
        In the order of the indices.
    """

    train: IntArray
    validation: IntArray
    test: IntArray
    targets: IntArray
    sources: NDArray[np.str_]
    classes: list[ClassEntry]


def read_manifest(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a manifest, keeping names and sources as the text they are.

    Parameters
    ----------
    path : Path
        data/manifest.csv.
    columns : list of str, optional
        The columns to read; all take a kilobyte of memory a clip.

    Returns
    -------
    pd.DataFrame
        One row a clip.
    """
    text = dict.fromkeys(("filename", "category", "src_file", "take"), str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, usecols=columns)


def read_fold(splits: Path, manifest: Path, fold: int) -> Fold:
    """Read one fold of the splits.

    Parameters
    ----------
    splits : Path
        data/splits.json.
    manifest : Path
        data/manifest.csv.
    fold : int
        The test fold's number.

    Returns
    -------
    Fold
        Its rows and every clip's class.

    Raises
    ------
    EarwitnessError
        If the splits have no such fold.
    """
    content = json.loads(splits.read_text(encoding="utf-8"))
    if str(fold) not in content["folds"]:
        known = ", ".join(content["folds"])
        raise EarwitnessError(f"{splits} has no fold {fold}: `folds` can name {known}")
    rows = {
        part: np.array(indices, dtype=np.int64)
        for part, indices in content["folds"][str(fold)].items()
    }
    table = read_manifest(manifest, ["target", "src_file"])
    return Fold(
        **rows,
        targets=class_indices(table, content["classes"]),
        sources=table["src_file"].to_numpy(dtype=str),
        classes=content["classes"],
    )
