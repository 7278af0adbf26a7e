import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import EarwitnessError
from earwitness.labels import class_indices, list_classes
from earwitness.splits import PARTS, check_splits, make_splits


def manifest_of(recordings: list[tuple[int, int, int]]) -> pd.DataFrame:
    """One recording an entry: fold, target, number of takes."""
    rows = [
        {"fold": fold, "target": target, "category": f"class {target}", "src_file": f"r{number}"}
        for number, (fold, target, takes) in enumerate(recordings)
        for _ in range(takes)
    ]
    return pd.DataFrame(rows)


def balanced(folds: int = 5, classes: int = 4, recordings: int = 8) -> pd.DataFrame:
    return manifest_of(
        [(f, 3 * c, 1) for f in range(1, folds + 1) for c in range(classes)] * recordings
    )


@st.composite
def manifests(draw: st.DrawFn) -> pd.DataFrame:
    folds = draw(st.integers(2, 4))
    targets = sorted(draw(st.sets(st.integers(0, 60), min_size=2, max_size=5)))
    recordings = [
        (fold, target, draw(st.integers(1, 4)))
        for fold in range(1, folds + 1)
        for target in targets
        for _ in range(draw(st.integers(1, 5)))
    ]
    manifest = manifest_of(draw(st.permutations(recordings)))
    for _ in range(draw(st.integers(0, 2))):
        row, other = (draw(st.integers(0, len(manifest) - 1)) for _ in range(2))
        manifest.loc[row, "src_file"] = manifest.loc[other, "src_file"]
    return manifest


@settings(max_examples=60, deadline=None)
@given(manifest=manifests(), fraction=st.floats(0.1, 0.6), seed=st.integers(0, 1000))
def test_no_recording_is_in_two_parts(manifest: pd.DataFrame, fraction: float, seed: int) -> None:
    folds = sorted(set(manifest["fold"]))
    try:
        splits = make_splits(manifest, folds, fraction, seed)
    except EarwitnessError as error:
        assert "no clips to train on" in str(error) or "without validation" in str(error)
        return
    check_splits(splits, manifest)
    targets = class_indices(manifest, splits["classes"])
    for fold in folds:
        parts = splits["folds"][str(fold)]
        recordings = [set(manifest["src_file"].iloc[parts[part]]) for part in PARTS]
        assert not recordings[0] & recordings[1]
        assert not recordings[0] & recordings[2]
        assert not recordings[1] & recordings[2]
        assert set(manifest["fold"].iloc[parts["test"]]) == {fold}
        assert set(targets[parts["train"]]) == set(range(len(splits["classes"])))
        left_out = set(range(len(manifest))) - {row for part in PARTS for row in parts[part]}
        assert set(manifest["src_file"].iloc[sorted(left_out)]) <= recordings[2]


@pytest.mark.parametrize("fraction", [0.125, 0.25, 0.4])
def test_validation_is_stratified_and_of_the_asked_size(fraction: float) -> None:
    manifest = balanced()
    splits = make_splits(manifest, [1, 2, 3, 4, 5], fraction, seed=0)
    for parts in splits["folds"].values():
        count = manifest["target"].iloc[parts["validation"]].value_counts()
        assert (abs(count - fraction * 32) <= 1).all()
        assert abs(len(parts["validation"]) - fraction * 128) <= 1
        assert len(parts["train"]) + len(parts["validation"]) == 128


def test_a_small_share_is_right_in_total_where_classes_are_small() -> None:
    manifest = balanced(folds=2, classes=20, recordings=3)
    parts = make_splits(manifest, [1], 0.1, seed=0)["folds"]["1"]
    assert len(parts["validation"]) == 6  # 0.3 clips a class


def test_same_seed_same_split_and_folds_do_not_affect_each_other() -> None:
    manifest = balanced()
    every = make_splits(manifest, [1, 2, 3, 4, 5], 0.25, seed=7)
    assert make_splits(manifest, [1, 2, 3, 4, 5], 0.25, seed=7) == every
    assert make_splits(manifest, [4], 0.25, seed=7)["folds"]["4"] == every["folds"]["4"]
    other = make_splits(manifest, [4], 0.25, seed=8)["folds"]["4"]
    assert other["validation"] != every["folds"]["4"]["validation"]


def test_a_recording_that_crosses_folds_is_reported_and_kept_out_of_training() -> None:
    manifest = balanced(folds=3)
    first, second = (manifest.index[manifest["fold"] == fold][0] for fold in (1, 2))
    manifest.loc[[first, second], "src_file"] = "both"
    splits = make_splits(manifest, [1, 2, 3], 0.25, seed=0)
    assert splits["crossing_sources"] == ["both"]
    parts = splits["folds"]["1"]
    assert first in parts["test"]
    assert second not in parts["train"] + parts["validation"]
    third = splits["folds"]["3"]
    assert {first, second} <= set(third["train"]) or {first, second} <= set(third["validation"])


def test_the_only_recording_of_a_class_stays_in_train() -> None:
    manifest = pd.concat(
        [balanced(folds=2), manifest_of([(1, 99, 5), (2, 99, 5)]).replace("r", "x", regex=True)],
        ignore_index=True,
    )
    parts = make_splits(manifest, [1], 0.4, seed=0)["folds"]["1"]
    assert 99 in set(manifest["target"].iloc[parts["train"]])
    assert 99 not in set(manifest["target"].iloc[parts["validation"]])


def test_numeric_recording_names_survive_a_csv_reader() -> None:
    manifest = balanced(folds=2)
    manifest["src_file"] = np.arange(len(manifest)) + 100
    manifest.loc[manifest.index[manifest["fold"] == 2][0], "src_file"] = 100
    splits = make_splits(manifest, [1], 0.25, seed=0)
    assert splits["crossing_sources"] == ["100"]
    assert json.loads(json.dumps(splits)) == splits


@pytest.mark.parametrize(
    ("manifest", "folds", "message"),
    [
        (balanced(folds=2), [1, 6, 7], "no fold 6, 7: it has 1, 2"),
        (balanced(folds=1), [1], "single fold"),
        (manifest_of([(1, 0, 3), (2, 0, 3), (1, 5, 2)]), [1], "no clips to train on for class 5"),
        (
            manifest_of([(1, 0, 1), (2, 0, 1), (1, 3, 1), (2, 3, 1)]),
            [1],
            "without validation clips",
        ),
        (manifest_of([(1, 0, 3), (2, 0, 3)]), [1], "a single class"),
    ],
)
def test_impossible_splits_are_one_clear_sentence(
    manifest: pd.DataFrame, folds: list[int], message: str
) -> None:
    with pytest.raises(EarwitnessError, match=message):
        make_splits(manifest, folds, 0.25, seed=0)


def test_two_categories_for_a_target_are_refused() -> None:
    manifest = balanced(folds=2)
    manifest.loc[0, "category"] = "other"
    with pytest.raises(EarwitnessError, match="target 0 has more than one category"):
        list_classes(manifest)


def test_class_indices_close_the_gaps_between_targets() -> None:
    manifest = balanced(folds=2)
    classes = list_classes(manifest)
    assert [entry["target"] for entry in classes] == [0, 3, 6, 9]
    assert (class_indices(manifest, classes) == manifest["target"] // 3).all()
    with pytest.raises(EarwitnessError, match="target 9 is not in the splits"):
        class_indices(manifest, classes[:3])


def test_check_finds_a_recording_in_two_parts() -> None:
    manifest = balanced(folds=2)
    splits = make_splits(manifest, [1], 0.25, seed=0)
    parts = splits["folds"]["1"]
    manifest.loc[parts["train"][0], "src_file"] = manifest.loc[parts["validation"][0], "src_file"]
    with pytest.raises(EarwitnessError, match="in both train and validation"):
        check_splits(splits, manifest)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("test", lambda rows: rows[1:], "not the fold"),
        ("train", lambda rows: [*rows, rows[0]], "lists a clip twice"),
        ("train", lambda rows: [*rows, 10_000], "outside the manifest"),
        ("validation", lambda rows: [], "has no clips"),
    ],
)
def test_check_finds_stale_rows(part: str, change, message: str) -> None:
    manifest = balanced(folds=2)
    splits = make_splits(manifest, [1], 0.25, seed=0)
    splits["folds"]["1"][part] = change(splits["folds"]["1"][part])
    with pytest.raises(EarwitnessError, match=message):
        check_splits(splits, manifest)


def test_real_esc50() -> None:
    root = os.environ.get("EARWITNESS_DATA")
    if not root:
        pytest.skip("EARWITNESS_DATA does not name a folder with ESC-50")
    found = sorted(Path(root).rglob("esc50.csv"))
    if not found:
        pytest.skip("EARWITNESS_DATA holds no esc50.csv")
    manifest = pd.read_csv(found[0])
    splits = make_splits(manifest, [1, 2, 3, 4, 5], 0.125, seed=0)
    check_splits(splits, manifest)
    assert splits["crossing_sources"] == ["131943", "134049", "209698", "234879"]
    for parts in splits["folds"].values():
        count = manifest["target"].iloc[parts["validation"]].value_counts()
        assert len(count) == 50
        assert count.min() >= 2
        assert count.max() <= 6
        assert 195 <= len(parts["validation"]) <= 205
        assert len(parts["test"]) == 400
        assert sum(len(parts[part]) for part in PARTS) >= 1996
