"""Which clips train, validate and test a fold; no recording is in two of them.

The official folds are the test sets. Validation is drawn from what is left in whole source
recordings, stratified by class: takes of one recording sound alike, so a clip whose sibling
was trained on measures memory, not generalisation.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from earwitness.errors import EarwitnessError
from earwitness.labels import ClassEntry, class_indices, list_classes

PARTS = ("train", "validation", "test")


class FoldRows(TypedDict):
    """Rows of the manifest in each part of one fold, ascending."""

    train: list[int]
    validation: list[int]
    test: list[int]


class Splits(TypedDict):
    """Content of ``data/splits.json``."""

    folds: dict[str, FoldRows]
    classes: list[ClassEntry]
    crossing_sources: list[str]


def make_splits(
    manifest: pd.DataFrame, folds: Sequence[int], validation_fraction: float, seed: int
) -> Splits:
    """Split the clips into train, validation and test for each fold.

    A fold's split depends on the data and the seed alone, not on which other folds are
    asked for. A recording that lies in several folds stays in the test part; its other
    clips take part in nothing while that fold is tested.

    Parameters
    ----------
    manifest : pd.DataFrame
        One row a clip, with columns fold, target, category and src_file.
    folds : sequence of int
        The folds to test on.
    validation_fraction : float
        Share of the clips outside the test fold that validation takes, by class.
    seed : int
        Seed of the draw, not negative.

    Returns
    -------
    Splits
        Ready for JSON: rows are row numbers of `manifest`.

    Raises
    ------
    EarwitnessError
        If the data has no such fold or one fold only, a class has nothing to train on, or
        validation would be empty.
    """
    known = sorted({int(fold) for fold in manifest["fold"]})
    check_folds(known, folds)
    classes = list_classes(manifest)
    targets = class_indices(manifest, classes)
    # By hash: numpy's isin compares every name with every other.
    sources = pd.Series(_sources(manifest))
    test_fold = manifest["fold"].to_numpy()
    parts: dict[str, FoldRows] = {}
    for fold in folds:
        test = test_fold == fold
        rest = np.flatnonzero(~test & ~sources.isin(sources[test]).to_numpy())
        _check_classes(targets[rest], classes, fold)
        rng = np.random.default_rng([seed, known.index(fold)])
        of_rest = sources.iloc[rest]
        chosen = _draw_recordings(
            targets[rest], of_rest.to_numpy(dtype=object), validation_fraction, rng
        )
        held_out = of_rest.isin(chosen).to_numpy()
        if not held_out.any():
            raise EarwitnessError(
                f"splits.validation_fraction {validation_fraction:g} leaves fold {fold} without "
                f"validation clips ({len(rest)} clips outside it, in whole recordings): raise it "
                "or add recordings"
            )
        parts[str(fold)] = {
            "train": rest[~held_out].tolist(),
            "validation": rest[held_out].tolist(),
            "test": np.flatnonzero(test).tolist(),
        }
    return {"folds": parts, "classes": classes, "crossing_sources": _crossing(manifest)}


def check_folds(known: Sequence[int], folds: Sequence[int]) -> None:
    """Check that the asked folds can be tested on.

    Parameters
    ----------
    known : sequence of int
        The folds of the data set, ascending.
    folds : sequence of int
        The folds to test on.

    Raises
    ------
    EarwitnessError
        If the data has no such fold, or one fold only.
    """
    listed = ", ".join(str(fold) for fold in known)
    absent = [str(fold) for fold in folds if fold not in known]
    if absent:
        raise EarwitnessError(
            f"the data set has no fold {', '.join(absent)}: it has {listed}; set `folds` in "
            "params.yaml to some of these"
        )
    if len(known) < 2:
        raise EarwitnessError(
            f"the data set has a single fold ({listed}), which leaves nothing to train on: "
            "give the clips at least two folds in its CSV"
        )


def check_splits(splits: Splits, manifest: pd.DataFrame) -> None:
    """Check that no clip and no source recording is in two parts of a fold.

    Parameters
    ----------
    splits : Splits
        What `make_splits` returned.
    manifest : pd.DataFrame
        The manifest the rows refer to.

    Raises
    ------
    EarwitnessError
        If parts overlap, a row does not exist, a part is empty, or a test part is not its
        whole fold.
    """
    sources = _sources(manifest)
    fold_of = manifest["fold"].to_numpy()
    for fold, parts in splits["folds"].items():
        seen: dict[str, str] = {}
        for part in PARTS:
            rows = np.asarray(parts[part], dtype=np.int64)  # type: ignore[literal-required]
            _check_rows(rows, len(manifest), f"fold {fold}, {part}")
            recordings = set(sources[rows].tolist())
            shared = sorted(recordings & seen.keys())
            if shared:
                raise EarwitnessError(
                    f"fold {fold}: recording {shared[0]} is in both {seen[shared[0]]} and {part} "
                    f"({len(shared)} such): the splits are stale, run `dvc repro splits`"
                )
            seen |= dict.fromkeys(recordings, part)
        if parts["test"] != np.flatnonzero(fold_of == int(fold)).tolist():
            raise EarwitnessError(
                f"fold {fold}: the test part is not the fold of the manifest: the splits are "
                "stale, run `dvc repro splits`"
            )


def _draw_recordings(
    targets: npt.NDArray[np.int64],
    sources: npt.NDArray[np.object_],
    fraction: float,
    rng: np.random.Generator,
) -> list[str]:
    # Written out instead of scikit-learn's StratifiedGroupKFold, which only knows shares of
    # 1/n and may give validation the only recording of a class.
    clips = pd.DataFrame({"target": targets, "source": sources})
    in_two_classes = clips.groupby("source")["target"].nunique() > 1
    chosen: list[str] = []
    # What rounding to whole recordings leaves over is passed on to the next class, so that
    # the total comes out right as well.
    owed = 0.0
    for _, of_class in clips.groupby("target"):
        sizes = of_class.groupby("source").size()
        owed += fraction * len(of_class)
        left = len(sizes)
        for position in rng.permutation(len(sizes)):
            name, size = str(sizes.index[position]), int(sizes.iloc[position])
            if left == 1:
                owed = 0.0
                break
            if size <= 2 * owed and not in_two_classes[name]:
                chosen.append(name)
                owed -= size
                left -= 1
    return chosen


def _check_classes(
    targets: npt.NDArray[np.int64], classes: Sequence[ClassEntry], fold: int
) -> None:
    missing = sorted(set(range(len(classes))) - set(targets.tolist()))
    if missing:
        names = ", ".join(classes[index]["category"] for index in missing[:20])
        raise EarwitnessError(
            f"fold {fold}: no clips to train on for {names}: every class needs a recording "
            "outside each test fold"
        )


def _check_rows(rows: npt.NDArray[np.int64], clips: int, where: str) -> None:
    problem = None
    if not len(rows):
        problem = "has no clips"
    elif rows.min() < 0 or rows.max() >= clips:
        problem = f"has rows outside the manifest's {clips}"
    elif len(np.unique(rows)) < len(rows):
        problem = "lists a clip twice"
    if problem:
        raise EarwitnessError(f"{where} {problem}: the splits are stale, run `dvc repro splits`")


def _crossing(manifest: pd.DataFrame) -> list[str]:
    spread = manifest["fold"].groupby(_sources(manifest)).nunique()
    return sorted(str(source) for source in spread.index[spread > 1])


def _sources(manifest: pd.DataFrame) -> npt.NDArray[np.object_]:
    # A CSV reader makes integers of numeric recording names.
    return np.array([str(source) for source in manifest["src_file"]], dtype=object)
