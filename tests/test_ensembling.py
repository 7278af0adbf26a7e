import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.ensemble import combine, uniform_log_probs
from earwitness.ensembling import fit_folds, write_ensemble
from earwitness.errors import EarwitnessError
from earwitness.schema.ensemble import EnsembleParams
from earwitness.splits import make_splits
from earwitness.store.arrays import ArrayReader, ArrayWriter
from earwitness.store.atomic import write_csv, write_json

MEMBERS = ("net", "bone")
FOLDS = (1, 2, 3)
CLIPS, CLASSES = 90, 3
PARAMS = EnsembleParams(("log_linear", "greedy"), 0.01, 10, (1, 2, 5))


@pytest.fixture
def split_files(tmp_path: Path) -> tuple[Path, Path]:
    row = np.arange(CLIPS)
    manifest = pd.DataFrame(
        {
            "filename": [f"{number}.wav" for number in row],
            "fold": row % 3 + 1,
            "target": row // 3 % CLASSES,
            "category": [f"class {number // 3 % CLASSES}" for number in row],
            "src_file": [str(number) for number in row],
            "take": "A",
        }
    )
    files = tmp_path / "splits.json", tmp_path / "manifest.csv"
    write_json(files[0], make_splits(manifest, FOLDS, 0.25, seed=0))
    write_csv(files[1], manifest)
    return files


def write_predictions(folder: Path, splits: Path, test_seed: int) -> None:
    """Logits of both members; those of test clips depend on `test_seed`, and on it alone."""
    content = json.loads(splits.read_text())
    for number, member in enumerate(MEMBERS):
        for fold in FOLDS:
            arrays = {}
            for part, seed in (("validation", 0), ("test", test_seed)):
                rows = np.array(content["folds"][str(fold)][part])
                rng = np.random.default_rng([seed, number, fold])
                logits = rng.normal(size=(len(rows), CLASSES)).astype(np.float32)
                logits[np.arange(len(rows)), rows // 3 % CLASSES] += number
                noise = rng.normal(size=logits.shape).astype(np.float32)
                shifted = np.stack([logits, logits + noise], axis=1)
                arrays |= {
                    f"{part}_rows": rows,
                    f"{part}_shifted": shifted,
                    f"{part}_plain": logits,
                }
            layout = {name: (array.shape, array.dtype) for name, array in arrays.items()}
            attrs = {"tta_shifts_seconds": "[0.0, 0.1]"}
            with ArrayWriter(folder / member / f"fold{fold}.h5", layout, attrs) as writer:
                for name, array in arrays.items():
                    writer.write(name, slice(None), array)


def test_the_fit_never_sees_test_clips(tmp_path: Path, split_files: tuple[Path, Path]) -> None:
    write_predictions(tmp_path / "a", split_files[0], test_seed=1)
    write_predictions(tmp_path / "b", split_files[0], test_seed=2)
    first, second = (
        fit_folds(tmp_path / folder, MEMBERS, FOLDS, split_files, PARAMS) for folder in "ab"
    )
    for fold in FOLDS:
        assert first[fold].fit == second[fold].fit
        assert not np.allclose(first[fold].log_probs, second[fold].log_probs)


def test_each_fold_is_fitted_by_itself_and_others_are_left_alone(
    tmp_path: Path, split_files: tuple[Path, Path]
) -> None:
    write_predictions(tmp_path, split_files[0], test_seed=1)
    every = fit_folds(tmp_path, MEMBERS, FOLDS, split_files, PARAMS)
    (tmp_path / "net/fold3.h5").write_bytes(b"of an earlier run")
    some = fit_folds(tmp_path, MEMBERS, (2, 1), split_files, PARAMS)
    # In the order asked for: the first is whose models `predict` and `export` take.
    assert [(fold, result.fit) for fold, result in some.items()] == [
        (fold, every[fold].fit) for fold in (2, 1)
    ]
    assert every[1].fit.weights != every[2].fit.weights


def test_the_store_holds_every_test_clip(tmp_path: Path, split_files: tuple[Path, Path]) -> None:
    write_predictions(tmp_path, split_files[0], test_seed=1)
    fitted = fit_folds(tmp_path, MEMBERS, FOLDS, split_files, PARAMS)
    write_ensemble(fitted, tmp_path / "ensemble.json", tmp_path / "ensemble.h5")
    with ArrayReader(tmp_path / "ensemble.h5") as store:
        rows, fold, shifts = (store.read(name) for name in ("rows", "fold", "shifts"))
        log_probs, uniform = store.read("log_probs"), store.read("uniform_log_probs")
    assert sorted(rows) == list(range(CLIPS))
    assert (fold == rows % 3 + 1).all()
    count = fitted[2].choice.best.shifts
    assert set(shifts[fold == 2]) == {count}
    logits = {}
    for member in MEMBERS:
        with ArrayReader(tmp_path / member / "fold2.h5") as store:
            logits[member] = store.read("test_shifted")[:, :count].mean(axis=1)
    found = fitted[2].fit
    expected = combine(logits, found.weights, found.temperatures)
    assert log_probs[fold == 2] == pytest.approx(expected, abs=1e-5)
    assert uniform[fold == 2] == pytest.approx(uniform_log_probs(logits), abs=1e-5)
    report = json.loads((tmp_path / "ensemble.json").read_text())
    assert report["members"] == list(MEMBERS)
    assert report["folds"]["2"]["weights"] == found.weights
    assert report["folds"]["2"]["tta_shifts_seconds"] == [0.0, 0.1][:count]
    assert report["folds"]["2"]["method"] == fitted[2].choice.best.method
    losses = report["folds"]["2"]["nll_crossvalidated"]
    assert len(losses) == 4  # two methods; 1 and 2 shifts, of which there are no 5
    assert min(losses.values()) == losses[f"{fitted[2].choice.best.method}, {count} shifts"]


def test_predictions_of_other_splits_are_refused(
    tmp_path: Path, split_files: tuple[Path, Path]
) -> None:
    write_predictions(tmp_path, split_files[0], test_seed=1)
    content = json.loads(split_files[0].read_text())
    content["folds"]["1"]["validation"] = content["folds"]["1"]["validation"][1:]
    write_json(split_files[0], content)
    with pytest.raises(EarwitnessError, match=r"fold1\.h5 is not about the validation clips"):
        fit_folds(tmp_path, MEMBERS, FOLDS, split_files, PARAMS)
