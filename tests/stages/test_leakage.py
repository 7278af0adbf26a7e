"""Nothing of a test clip, and of a validation clip only what may, reaches what is trained.

The pipeline runs on a small data set, and again after some clips and their labels were replaced
by noise; then the bits are compared. The leaks planted at the end show that they can differ.
"""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from ruamel.yaml import YAML
from safetensors.numpy import load_file

import earwitness.ensembling
import earwitness.training.spectrograms
import stages.__main__
import stages.finetune
import stages.train
from earwitness.fold import Fold, read_fold
from earwitness.store.arrays import ArrayReader
from earwitness.training.spectrograms import channel_statistics
from tests.workspace import PIPELINE, digests, small_params, write_workspace

# Coverage would make twice as many seconds, and other tests reach the same lines.
pytestmark = pytest.mark.uncovered

PREPARED, LEARNED = PIPELINE[:4], PIPELINE[4:]
TRAINED = PIPELINE[4:6]
NEXT_TARGET = {0: (3, "gusts"), 3: (12, "sweeps"), 12: (0, "whistle")}


def parameters(*, choosing: bool) -> dict[str, Any]:
    """With everything that validation may choose left to it, or fixed."""
    params = small_params(select="best_val" if choosing else "ema", epochs=3)
    params["finetune"]["yamnet"] |= {
        "baseline_c": [0.003, 0.01, 0.1] if choosing else [0.01],
        "refit": choosing,
        "keep": "better" if choosing else "finetuned",
        "mixup_probability": 1.0,
    }
    return params


def run(root: Path, todo: Sequence[tuple[str, ...]]) -> None:
    with contextlib.chdir(root):
        for stage in todo:
            stages.__main__.main(list(stage))


def rows_of(root: Path, part: str) -> list[int]:
    splits = json.loads((root / "data" / "splits.json").read_text())
    return list(splits["folds"]["1"][part])


def relabel(table: Path, filenames: Sequence[str]) -> None:
    """Give each of these clips another class."""
    frame = pd.read_csv(table, dtype={"take": str})
    chosen = frame["filename"].isin(filenames)
    assert chosen.sum() == len(filenames)
    others = [NEXT_TARGET[target] for target in frame.loc[chosen, "target"]]
    frame.loc[chosen, "target"] = [target for target, _ in others]
    frame.loc[chosen, "category"] = [category for _, category in others]
    frame.to_csv(table, index=False)


def spoil(clean: Path, root: Path, part: str) -> None:
    """Make `root` a workspace in which the clips of one part are noise, of other classes."""
    shutil.copytree(clean, root, ignore=shutil.ignore_patterns("members", "predictions", ".state"))
    params = YAML(typ="safe").load((root / "params.yaml").read_text())
    raw = root / params["data"]["root"]
    manifest = pd.read_csv(clean / "data" / "manifest.csv")
    filenames = manifest["filename"][rows_of(clean, part)].tolist()
    rng = np.random.default_rng(9)
    for name in filenames:
        sf.write(raw / "audio" / name, rng.uniform(-0.5, 0.5, 16000), 16000)
    if part == "test":
        relabel(raw / "meta" / "esc50.csv", filenames)
    run(root, PREPARED)
    assert rows_of(root, part) == rows_of(clean, part)
    if part != "test":  # the splits may look at these labels, so they are changed after them
        relabel(root / "data" / "manifest.csv", filenames)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clean") / "workspace"
    root.mkdir()
    write_workspace(root, parameters(choosing=True), clips_per_fold_class=4)
    run(root, PIPELINE)
    return root


@pytest.fixture(scope="module")
def noise_for_test(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("test") / "workspace"
    spoil(clean, root, "test")
    run(root, LEARNED)
    return root


@pytest.fixture(scope="module")
def noise_for_validation(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("validation") / "workspace"
    spoil(clean, root, "validation")
    return root


def learned(root: Path) -> dict[str, str]:
    """Digests of all that is trained, fitted or chosen: weights, curves, choices, ensemble."""
    found = digests(root, ("train", "spec_cnn", "1")) | digests(root, ("finetune", "yamnet", "1"))
    assert len(found) >= 7
    return found | {k: v for k, v in digests(root, ("ensemble",)).items() if k.startswith("models")}


def weights(root: Path) -> dict[str, str]:
    return {name: digest for name, digest in learned(root).items() if name.endswith("tensors")}


def fixed_choices(source: Path, root: Path) -> Path:
    """A copy of a workspace in which validation has nothing to choose, trained and evaluated."""
    shutil.copytree(source, root, ignore=shutil.ignore_patterns("members", ".state"))
    YAML().dump(parameters(choosing=False), root / "params.yaml")
    run(root, LEARNED)
    return root


def test_test_clips_change_nothing(clean: Path, noise_for_test: Path) -> None:
    """Normalisation, mixing, weights, chosen epoch and strength, temperatures, ensemble."""
    assert learned(noise_for_test) == learned(clean)
    for member in ("spec_cnn", "yamnet"):  # whereas the noise has arrived where it belongs
        stores = [root / f"data/predictions/{member}/fold1.h5" for root in (clean, noise_for_test)]
        with ArrayReader(stores[0]) as before, ArrayReader(stores[1]) as after:
            assert np.array_equal(
                before.read("validation_shifted"), after.read("validation_shifted")
            )
            assert (
                not np.isclose(before.read("test_shifted"), after.read("test_shifted"))
                .all(axis=(1, 2))
                .any()
            )


def test_validation_clips_change_no_weight_where_they_choose_nothing(
    clean: Path, noise_for_validation: Path, tmp_path: Path
) -> None:
    before = fixed_choices(clean, tmp_path / "before")
    after = fixed_choices(noise_for_validation, tmp_path / "after")
    assert weights(before) == weights(after)
    fits = [
        json.loads((r / "models/ensemble.json").read_text())["folds"]["1"] for r in (before, after)
    ]
    for member in ("spec_cnn", "yamnet"):  # whereas these are fitted on them
        assert fits[0]["temperatures"][member] != fits[1]["temperatures"][member]
    # And training clips do change them.
    spoil(before, tmp_path / "train", "train")
    run(tmp_path / "train", TRAINED)
    trunk = "models/members/yamnet/fold1/trunk.safetensors"
    for name, digest in weights(before).items():
        assert (weights(tmp_path / "train")[name] == digest) is (name == trunk), name


def test_validation_clips_choose_but_do_not_normalise_or_train(
    clean: Path, noise_for_validation: Path
) -> None:
    run(noise_for_validation, TRAINED)
    roots = (clean, noise_for_validation)
    for member in ("spec_cnn", "yamnet"):
        folders = [root / "models" / "members" / member / "fold1" for root in roots]
        # Of a refitted model, what it was before: the refit is to see the validation clips.
        judged = [folder / "judged.safetensors" for folder in folders]
        whole = [folder / "model.safetensors" for folder in folders]
        before, after = (
            load_file(first if first.exists() else second)
            for first, second in zip(judged, whole, strict=True)
        )
        statistics = [name for name in before if "standardise" in name]
        assert statistics
        for name in statistics:
            assert np.array_equal(before[name], after[name]), name
        curves = [pd.read_csv(folder / "curves.csv") for folder in folders]
        if member == "spec_cnn":  # yamnet's head starts from the strength that was chosen
            assert curves[0]["train_loss"].equals(curves[1]["train_loss"])
        assert (curves[0]["validation_loss"] != curves[1]["validation_loss"]).all()


def leaking_fold(**parts: Callable[[Fold], Any]) -> Callable[[Path, Path, int], Fold]:
    def read(splits: Path, manifest: Path, fold: int) -> Fold:
        honest = read_fold(splits, manifest, fold)
        return dataclasses.replace(honest, **{k: part(honest) for k, part in parts.items()})

    return read


def statistics_of_all(features: np.ndarray) -> Any:
    with ArrayReader(Path("data/features/spec_cnn.h5")) as store:
        return channel_statistics(store.read("features"))


class LeakingReader(ArrayReader):
    """Gives the ensemble test logits where it asks for validation logits."""

    def read(self, name: str, rows: Any = None) -> np.ndarray:
        if name == "validation_shifted":
            return super().read("test_shifted")[: self.shape("validation_shifted")[0]]
        return super().read(name, rows)


with_test = leaking_fold(train=lambda fold: np.concatenate([fold.train, fold.test]))
chosen_on_test = leaking_fold(validation=lambda fold: fold.test)
LEAKS = {
    "normalisation": (earwitness.training.spectrograms, "channel_statistics", statistics_of_all),
    "training and mixing": (stages.train, "read_fold", with_test),
    "frozen baseline and fine-tuning": (stages.finetune, "read_fold", with_test),
    "choice of epoch": (stages.train, "read_fold", chosen_on_test),
    "choice of strength": (stages.finetune, "read_fold", chosen_on_test),
    "ensemble": (earwitness.ensembling, "ArrayReader", LeakingReader),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found(
    clean: Path, noise_for_test: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak: str
) -> None:
    monkeypatch.setattr(*LEAKS[leak])
    stage = {"stages.finetune": TRAINED[1], "earwitness.ensembling": LEARNED[-1]}.get(
        LEAKS[leak][0].__name__, TRAINED[0]
    )
    found = []
    for source in (clean, noise_for_test):
        root = tmp_path / source.parent.name
        shutil.copytree(source, root, ignore=shutil.ignore_patterns("raw", "prepared"))
        run(root, [stage])
        found.append(learned(root))
    assert found[0] != found[1]
