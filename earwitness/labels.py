"""The classes of a data set: its targets, which may have gaps, and their indices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from earwitness.errors import EarwitnessError

if TYPE_CHECKING:
    import pandas as pd


class ClassEntry(TypedDict):
    """One class; its index is its position in the list of classes."""

    target: int
    category: str


def list_classes(manifest: "pd.DataFrame") -> list[ClassEntry]:
    """List the classes of a manifest, by ascending target.

    Raises
    ------
    EarwitnessError
        If a target has two categories or a category two targets, or there is one class only.
    """
    pairs = manifest[["target", "category"]].drop_duplicates().sort_values(["target", "category"])
    for column, other in (("target", "category"), ("category", "target")):
        twice = pairs[pairs[column].duplicated(keep=False)]
        if len(twice):
            value = twice[column].iloc[0]
            rivals = ", ".join(str(x) for x in twice.loc[twice[column] == value, other])
            raise EarwitnessError(
                f"{column} {value} has more than one {other} in the data set's CSV: {rivals}"
            )
    if len(pairs) < 2:
        raise EarwitnessError("the data set has a single class: there is nothing to tell apart")
    return [
        {"target": int(target), "category": str(category)}
        for target, category in zip(pairs["target"], pairs["category"], strict=True)
    ]


def class_indices(manifest: "pd.DataFrame", classes: Sequence[ClassEntry]) -> npt.NDArray[np.int64]:
    """Class index of every clip.

    Parameters
    ----------
    manifest : pd.DataFrame
        One row a clip, with a column target.
    classes : sequence of ClassEntry
        The ``classes`` of the splits; targets may have gaps.

    Returns
    -------
    np.ndarray
        Shape (N,): position of the clip's target in `classes`.

    Raises
    ------
    EarwitnessError
        If a target of the manifest is not among `classes`.
    """
    index = {entry["target"]: position for position, entry in enumerate(classes)}
    unknown = sorted(set(manifest["target"]) - index.keys())
    if unknown:
        raise EarwitnessError(f"target {unknown[0]} is not in the splits: run `dvc repro splits`")
    return np.array([index[target] for target in manifest["target"]], dtype=np.int64)
