import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import EarwitnessError
from earwitness.evaluation.groups import GROUPS, group_of, groups_table
from earwitness.evaluation.metrics import expected_calibration_error, top_k_accuracy
from earwitness.evaluation.reliability import reliability_table
from earwitness.evaluation.report import format_table
from earwitness.evaluation.scores import HeldOutScores, read_scores
from earwitness.evaluation.summary import summarise
from earwitness.evaluation.tables import (
    CURVES,
    confusion_table,
    curves_table,
    cv_table,
    folds_table,
    per_class_table,
    predictions_table,
    weights_table,
)
from earwitness.labels import ClassEntry
from earwitness.store.arrays import ArrayWriter

CLASSES: list[ClassEntry] = [
    {"target": 0, "category": "dog"},
    {"target": 3, "category": "cow"},
    {"target": 7, "category": "hen"},
    {"target": 9, "category": "cat"},
]
# Six clips of four classes in two folds, each row the order of the guesses, best first.
TARGETS = np.array([0, 1, 2, 3, 0, 1])
FOLD = np.array([1, 2, 1, 2, 1, 2])
RIGHT = [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2], [0, 1, 2, 3], [1, 0, 2, 3]]
SECOND = [[1, 0, 2, 3], *RIGHT[1:]]  # the first clip's class is the second guess
FOURTH = [[1, 2, 3, 0], *RIGHT[1:4], [3, 2, 1, 0], RIGHT[5]]  # two clips' class is the last


def ranked(order: list[list[int]]) -> np.ndarray:
    """Log-probabilities with this order of guesses."""
    probs = np.array([0.6, 0.2, 0.15, 0.05])
    scores = np.empty((len(order), 4), dtype=np.float32)
    for row, guesses in enumerate(order):
        scores[row, guesses] = np.log(probs)
    return scores


@pytest.fixture
def scores() -> HeldOutScores:
    return HeldOutScores(
        parameters={"net": 1000, "bone": 2000},
        rows=np.arange(6),
        fold=FOLD,
        targets=TARGETS,
        plain={"net": ranked(FOURTH), "bone": ranked(SECOND)},
        tta={"net": ranked(SECOND), "bone": ranked(RIGHT)},
        ensemble=ranked(SECOND),
        uniform=ranked(FOURTH),
    )


SOURCES = np.array(["1", "2", "3", "3", "4", "5", "6", "7", "8", "9"])
ENSEMBLE = {
    "members": ["net", "bone"],
    "folds": {
        "1": {"weights": {"net": 0.25, "bone": 0.5}, "temperatures": {"net": 1.0, "bone": 2.0}},
        "2": {"weights": {"net": 0.75, "bone": 0.5}, "temperatures": {"net": 1.0, "bone": 4.0}},
    },
}


@pytest.fixture
def summary(scores: HeldOutScores) -> dict:
    weights = weights_table(ENSEMBLE, [1, 2])
    return summarise(scores, weights, dataset="tiny", clips=10, ece_bins=15, sources=SOURCES)


def test_top_k_by_hand() -> None:
    assert top_k_accuracy(ranked(RIGHT), TARGETS, 1) == 1
    assert top_k_accuracy(ranked(SECOND), TARGETS, 1) == pytest.approx(5 / 6)
    assert top_k_accuracy(ranked(SECOND), TARGETS, 2) == 1
    assert top_k_accuracy(ranked(FOURTH), TARGETS, 3) == pytest.approx(4 / 6)
    assert top_k_accuracy(ranked(FOURTH), TARGETS, 9) == 1


def test_equal_scores_do_not_make_every_clip_right() -> None:
    assert top_k_accuracy(np.zeros((6, 4)), TARGETS, 1) == pytest.approx(2 / 6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 5))
def test_top_k_agrees_with_sorting(seed: int, k: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (9, 5))  # many ties
    targets = rng.integers(0, 5, 9)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert top_k_accuracy(scores, targets, k) == (best == targets[:, None]).any(axis=1).mean()


def test_accuracy_of_nothing_and_of_nan_is_refused() -> None:
    with pytest.raises(EarwitnessError, match="no clips"):
        top_k_accuracy(np.empty((0, 4)), [], 1)
    with pytest.raises(EarwitnessError, match="NaN"):
        top_k_accuracy([[np.nan, 1.0]], [0], 1)


def test_calibration_error_by_hand() -> None:
    # Bins (0.5, 1] and (0, 0.5]: 2 clips sure of 0.9, one right; 1 clip sure of 0.4, right.
    probs = [[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.3, 0.4, 0.3]]
    error = expected_calibration_error(probs, [0, 1, 1], bins=2)
    assert error == pytest.approx(2 / 3 * abs(0.5 - 0.9) + 1 / 3 * abs(1 - 0.4))


@pytest.mark.parametrize("bins", [1, 15])
def test_calibration_error_of_certain_predictions(bins: int) -> None:
    assert expected_calibration_error(np.eye(3), [0, 1, 2], bins) == 0
    assert expected_calibration_error(np.eye(3), [1, 2, 0], bins) == 1


def test_calibrated_predictions_have_a_small_error() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), 50_000)
    targets = (rng.random((len(probs), 1)) > probs.cumsum(axis=1)).sum(axis=1)
    assert expected_calibration_error(probs, targets, 15) < 0.01
    assert expected_calibration_error(probs**3 / (probs**3).sum(1)[:, None], targets, 15) > 0.1


def test_summary_by_hand(summary: dict) -> None:
    # Fold 1 holds clips 0, 2 and 4; clip 0 is the one that SECOND gets wrong.
    assert summary["net"]["tta"]["top1"] == {
        "mean": 0.833333,
        "std": 0.166667,
        "folds": {"1": 0.666667, "2": 1.0},
    }
    assert summary["net"]["plain"]["top3"]["folds"] == {"1": 0.333333, "2": 1.0}
    assert summary["bone"]["tta"]["top1"]["mean"] == 1.0
    assert summary["ensemble"]["top1"]["mean"] == 0.833333
    assert summary["ensemble"]["top3"]["mean"] == 1.0
    assert summary["ensemble"]["uniform"]["top1"]["mean"] == 0.666667
    assert summary["ensemble"]["ece"] == pytest.approx(abs(5 / 6 - 0.6), abs=1e-6)
    assert summary["bone"]["parameters"] == 2000
    assert summary["ensemble"]["weights"]["net"] == {
        "mean": 0.5,
        "std": 0.25,
        "folds": {"1": 0.25, "2": 0.75},
    }
    assert summary["ensemble"]["temperatures"]["bone"]["mean"] == 3.0
    assert summary["dataset"] == {"name": "tiny", "clips": 10, "classes": 4, "folds": 2}
    assert list(summary) == ["net", "bone", "ensemble", "dataset"]
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_cv_table(summary: dict) -> None:
    table = cv_table(summary, "net")
    assert list(table) == ["fold", "plain_top1", "plain_top3", "tta_top1", "tta_top3"]
    assert list(table["fold"]) == ["1", "2", "mean", "std"]
    assert list(table["tta_top1"]) == [0.666667, 1.0, 0.833333, 0.166667]
    assert list(table["plain_top1"]) == [0.333333, 1.0, 0.666667, 0.333333]


def test_folds_table(summary: dict) -> None:
    table = folds_table(summary, ["net", "bone"])
    assert list(table) == ["model", "fold", "top1", "top3"]
    assert list(table["model"]) == [
        name for name in ("net", "bone", "ensemble", "uniform") for _ in range(2)
    ]
    net = table[table["model"] == "net"]
    assert list(net["top1"]) == [0.666667, 1.0]


def test_predictions_table(scores: HeldOutScores) -> None:
    table = predictions_table(scores, [f"{row}.wav" for row in range(6)], CLASSES)
    assert list(table) == [
        *("filename", "fold", "target", "label", "net_pred", "net_prob"),
        *("bone_pred", "bone_prob", "ensemble_pred", "ensemble_prob", "ensemble_top3"),
    ]
    assert list(table["filename"]) == [f"{row}.wav" for row in range(6)]
    assert list(table["target"]) == [0, 3, 7, 9, 0, 3]
    first = table.iloc[0]
    assert (first["label"], first["net_pred"], first["bone_pred"]) == ("dog", "cow", "dog")
    assert first["net_prob"] == pytest.approx(0.6)
    assert first["ensemble_top3"] == "cow|dog|hen"


def test_confusion_table(scores: HeldOutScores) -> None:
    table = confusion_table(scores, CLASSES)
    assert list(table["actual"]) == ["dog", "cow", "hen", "cat", "dog", "cow"]
    assert list(table["predicted"]) == ["cow", "cow", "hen", "cat", "dog", "cow"]


def test_per_class_table(scores: HeldOutScores) -> None:
    table = per_class_table(scores, CLASSES)
    assert list(table) == ["category", "ensemble", "net", "bone", "rank"]
    # No class without a mistake is among the worst.
    assert list(table["rank"]) == ["ten worst", "others", "others", "others"]
    assert list(table["category"]) == ["dog", "cat", "cow", "hen"]
    assert list(table["ensemble"]) == [0.5, 1, 1, 1]
    assert list(table["bone"]) == [1, 1, 1, 1]


def test_no_more_than_ten_classes_are_the_worst() -> None:
    classes: list[ClassEntry] = [{"target": i, "category": f"c{i:02}"} for i in range(12)]
    logits = {"net": np.roll(np.eye(12, dtype=np.float32), 1, axis=1)}  # all wrong
    scores = HeldOutScores(
        rows=np.arange(12),
        fold=np.ones(12, dtype=np.int64),
        targets=np.arange(12),
        plain=logits,
        tta=logits,
        ensemble=logits["net"],
        uniform=logits["net"],
        parameters={"net": 1},
    )
    table = per_class_table(scores, classes)
    assert list(table["rank"]) == ["ten worst"] * 10 + ["others"] * 2


def test_groups_table(scores: HeldOutScores) -> None:
    table = groups_table(scores, [*CLASSES[:2], {"target": 7, "category": "siren"}, CLASSES[3]])
    rows = {(row.model, row.group): (row.top1, row.clips) for row in table.itertuples()}
    # SECOND gets clip 0, a dog, wrong; clip 2 is the siren.
    assert rows["ensemble", "animals"] == (0.8, 5)
    assert rows["ensemble", "exterior"] == (1.0, 1)
    assert rows["bone", "animals"] == (1.0, 5)
    assert set(table["group"]) == {"animals", "exterior"}


def test_the_groups_are_five_of_ten_classes_of_esc50() -> None:
    names = [name for group in GROUPS.values() for name in group.split()]
    assert [len(group.split()) for group in GROUPS.values()] == [10] * 5
    assert len(set(names)) == 50
    assert group_of("church_bells") == "exterior"
    assert group_of("my own siren") == "other"


def test_reliability_table(scores: HeldOutScores) -> None:
    table = reliability_table(scores, 15)
    rows = table[table["model"] == "ensemble"]
    assert rows[["confidence", "accuracy", "clips"]].to_numpy().tolist() == [[0.6, 0.833333, 6]]
    assert list(table["model"]) == ["ensemble", "uniform", "net", "bone"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_the_calibration_error_is_the_mean_gap_of_the_reliability_table(
    seed: int, bins: int
) -> None:
    rng = np.random.default_rng(seed)
    probs, targets = rng.dirichlet(np.ones(4), 40), rng.integers(0, 4, 40)
    scores = HeldOutScores(
        rows=np.arange(40),
        fold=np.ones(40, dtype=np.int64),
        targets=targets,
        plain={},
        tta={},
        ensemble=np.log(probs),
        uniform=np.log(probs),
        parameters={},
    )
    table = reliability_table(scores, bins)
    table = table[table["model"] == "ensemble"]
    gap = ((table["confidence"] - table["accuracy"]).abs() * table["clips"]).sum() / 40
    assert gap == pytest.approx(expected_calibration_error(probs, targets, bins), abs=1e-5)


def test_report(summary: dict) -> None:
    lines = format_table(summary).splitlines()
    assert "tiny: 10 clips, 4 classes, 2 folds" in lines[0]
    rows = {line.split("  ")[0]: line for line in lines}
    assert rows["net"].split("  ")[-2:] == ["0.833 ± 0.167", "1.000 ± 0.000"]
    assert "0.833 ± 0.167" in rows["ensemble, fitted weights"]
    assert "0.667 ± 0.333" in rows["ensemble, equal weights"]
    assert len({len(line) for line in lines[2:7]}) == 1


# Stores: three folds of two clips in a manifest of six, the rows of fold 1 in reverse.
ROWS = {1: [4, 0], 2: [1, 3], 3: [2, 5]}


def write_stores(folder: Path) -> np.ndarray:
    logits = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    for fold, rows in ROWS.items():
        shifted = np.stack([logits[rows], 3 * logits[rows]], axis=1)
        arrays = {"test_rows": rows, "test_plain": logits[rows], "test_shifted": shifted}
        store(folder / f"net/fold{fold}.h5", arrays, {"parameters": 123})
    rows = [row for fold in ROWS for row in ROWS[fold]]
    store(
        folder / "ensemble.h5",
        {
            "rows": rows,
            "fold": [fold for fold in ROWS for _ in ROWS[fold]],
            "shifts": [1 if fold == 2 else 2 for fold in ROWS for _ in ROWS[fold]],
            "log_probs": 3 * logits[rows],
            "uniform_log_probs": 4 * logits[rows],
        },
    )
    return logits


def store(path: Path, arrays: dict, attrs: dict | None = None) -> None:
    values = {name: np.asarray(array) for name, array in arrays.items()}
    layout = {name: (array.shape, array.dtype) for name, array in values.items()}
    with ArrayWriter(path, layout, attrs or {}) as writer:
        for name, array in values.items():
            writer.write(name, slice(None), array)


def test_scores_are_read_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    logits = write_stores(tmp_path)
    scores = read_scores(tmp_path / "ensemble.h5", tmp_path, ["net"], [1, 2, 3], TARGETS)
    assert scores.rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert scores.fold.tolist() == [1, 2, 3, 2, 1, 3]
    assert scores.targets.tolist() == TARGETS.tolist()
    assert (scores.plain["net"] == logits).all()
    # Validation chose one shift for fold 2, both for the others.
    factor = np.where(scores.fold == 2, 1, 2)[:, None]
    assert (scores.tta["net"] == factor * logits).all()
    assert (scores.ensemble == 3 * logits).all()
    assert (scores.uniform == 4 * logits).all()
    assert scores.parameters == {"net": 123}


def test_only_the_configured_folds_and_members_are_read(tmp_path: Path) -> None:
    logits = write_stores(tmp_path)
    (tmp_path / "net/fold2.h5").write_bytes(b"of an earlier run")
    (tmp_path / "other").mkdir()
    scores = read_scores(tmp_path / "ensemble.h5", tmp_path, ["net"], [3, 1], TARGETS)
    assert scores.rows.tolist() == [0, 2, 4, 5]
    assert (scores.plain["net"] == logits[[0, 2, 4, 5]]).all()
    assert scores.fold.tolist() == [1, 3, 1, 3]


def test_predictions_of_other_clips_are_refused(tmp_path: Path) -> None:
    logits = write_stores(tmp_path)
    arrays = {"test_rows": [1, 2], "test_plain": logits[:2], "test_shifted": logits[:2, None]}
    store(tmp_path / "net/fold2.h5", arrays)
    with pytest.raises(EarwitnessError, match=r"fold2\.h5 and the ensemble are not about"):
        read_scores(tmp_path / "ensemble.h5", tmp_path, ["net"], [1, 2], TARGETS)
    with pytest.raises(EarwitnessError, match="clips that the manifest does not have"):
        read_scores(tmp_path / "ensemble.h5", tmp_path, ["net"], [1, 3], TARGETS[:3])
    with pytest.raises(EarwitnessError, match="fold9"):
        read_scores(tmp_path / "ensemble.h5", tmp_path, ["net"], [1, 9], TARGETS)


def write_curves(folder: Path, member: str, fold: int, epochs: int) -> None:
    path = folder / member / f"fold{fold}/curves.csv"
    path.parent.mkdir(parents=True)
    epoch = np.arange(1, epochs + 1)
    pd.DataFrame({name: epoch if name == "epoch" else 0.5 for name in CURVES}, epoch).to_csv(
        path, index=False
    )


def test_curves_table(tmp_path: Path) -> None:
    for member, fold, epochs in (("net", 1, 2), ("net", 2, 3), ("net", 3, 9), ("bone", 1, 0)):
        write_curves(tmp_path, member, fold, epochs)
    write_curves(tmp_path, "bone", 2, 1)
    table = curves_table(tmp_path, ["net", "bone"], [1, 2])
    assert list(table) == ["member", "fold", *CURVES]
    assert list(table["epoch"]) == [1, 2, 1, 2, 3, 1]
    assert list(table["member"]) == ["net"] * 5 + ["bone"]
    assert curves_table(tmp_path, ["bone"], [1]).empty
    with pytest.raises(EarwitnessError, match=r"curves\.csv does not exist"):
        curves_table(tmp_path, ["bone"], [3])


def test_curves_without_a_column_are_refused(tmp_path: Path) -> None:
    write_curves(tmp_path, "net", 1, 1)
    path = tmp_path / "net/fold1/curves.csv"
    pd.read_csv(path).drop(columns="lr").to_csv(path, index=False)
    with pytest.raises(EarwitnessError, match="has no column lr"):
        curves_table(tmp_path, ["net"], [1])
