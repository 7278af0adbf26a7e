"""The ensemble that classifies new clips says what evaluation says."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from earwitness.errors import EarwitnessError
from earwitness.inference.member import load_member
from earwitness.inference.prediction import augmented
from earwitness.prediction import Ensemble, _FittedFold, _pool
from tests.trained import train_ensemble

FITTED = {"spec_cnn": (0.25, 2.0), "yamnet": (0.5, 1.5)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_ensemble(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (3, 16000)).astype(np.float32)


def pooled(models: Path, clips: np.ndarray, fold: int, shifts: Sequence[float] = (0.0, 0.1)) -> Any:
    """The pool of the members' own logits, by its definition."""
    total = np.zeros((len(clips), 3))
    for name, (weight, temperature) in FITTED.items():
        member = load_member(models / "members" / name / f"fold{fold}", torch.device("cpu"))
        logits = augmented(member, clips, shifts).shifted.mean(axis=1)
        total += weight * log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return log_softmax(total, axis=1)


def refitted(models: Path, target: Path, change: dict[str, Any]) -> Path:
    """The same models with another ensemble.json."""
    shutil.copytree(models, target)
    content = json.loads((models / "ensemble.json").read_text())
    content["folds"]["1"] |= change
    (target / "ensemble.json").write_text(json.dumps(content))
    return target


@pytest.mark.parametrize("fold", [1, 2])
def test_one_folds_ensemble_is_the_pool_of_its_members(
    models: Path, clips: np.ndarray, fold: int
) -> None:
    said = Ensemble(models, fold).log_probs({16000: clips})
    np.testing.assert_allclose(said, pooled(models, clips, fold), atol=1e-5)


def test_time_shifts_can_be_left_out(models: Path, clips: np.ndarray) -> None:
    said = Ensemble(models, 1, shifts=False).log_probs({16000: clips})
    np.testing.assert_allclose(said, pooled(models, clips, 1, shifts=(0.0,)), atol=1e-5)


def test_over_folds_probabilities_are_averaged(models: Path, clips: np.ndarray) -> None:
    both = np.exp(Ensemble(models, "all").log_probs({16000: clips}))
    each = [np.exp(pooled(models, clips, fold)) for fold in (1, 2)]
    assert np.abs(each[0] - each[1]).max() > 1e-3
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-5)


def test_folds_may_have_other_shifts(models: Path, clips: np.ndarray, tmp_path: Path) -> None:
    other = refitted(models, tmp_path / "models", {"tta_shifts_seconds": [0.0]})
    both = np.exp(Ensemble(other, "all").log_probs({16000: clips}))
    each = [np.exp(pooled(models, clips, 1, (0.0,))), np.exp(pooled(models, clips, 2))]
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-5)


def test_a_member_alone_is_as_sure_as_its_temperature_makes_it(
    models: Path, clips: np.ndarray
) -> None:
    said = Ensemble(models, 1, members=["yamnet"], shifts=False).log_probs({16000: clips})
    member = load_member(models / "members" / "yamnet" / "fold1", torch.device("cpu"))
    own = log_softmax(member.logits(clips).astype(np.float64) / 1.5, axis=1)
    np.testing.assert_allclose(said, own, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "expected"), [((0.2, 0.3), (0.4, 0.6)), ((0.5, 0.7), (0.5, 0.7))]
)
def test_some_members_share_a_weight_of_one_or_keep_what_they_have(
    weights: tuple[float, float], expected: tuple[float, float]
) -> None:
    fold = _FittedFold(
        {"a": weights[0], "b": weights[1], "c": 0.4}, dict.fromkeys("abc", 1.0), (0.0,)
    )
    left = _pool(fold, "abc", "ab")
    assert left.weights == pytest.approx(dict(zip("ab", expected, strict=True)))
    assert left.temperatures == {"a": 1.0, "b": 1.0}


def test_all_members_by_name_are_the_ensemble(models: Path, clips: np.ndarray) -> None:
    named = Ensemble(models, 1, members=["yamnet", "spec_cnn", "yamnet"])
    expected = Ensemble(models, 1).log_probs({16000: clips})
    np.testing.assert_allclose(named.log_probs({16000: clips}), expected, atol=1e-12)


def test_a_member_without_weight_is_not_needed(
    models: Path, clips: np.ndarray, tmp_path: Path
) -> None:
    weights = {"weights": {"spec_cnn": 0.0, "yamnet": 0.5}}
    other = refitted(models, tmp_path / "models", weights)
    expected = Ensemble(other, 1).log_probs({16000: clips})
    shutil.rmtree(other / "members" / "spec_cnn" / "fold1")
    np.testing.assert_array_equal(Ensemble(other, 1).log_probs({16000: clips}), expected)
    only = Ensemble(models, 1, members=["yamnet"]).log_probs({16000: clips})
    assert (only.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_a_member_without_weight_can_be_asked_for(
    models: Path, clips: np.ndarray, tmp_path: Path
) -> None:
    weights = {"weights": {"spec_cnn": 0.0, "yamnet": 0.5}}
    other = refitted(models, tmp_path / "models", weights)
    said = Ensemble(other, 1, members=["spec_cnn"], shifts=False).log_probs({16000: clips})
    member = load_member(models / "members" / "spec_cnn" / "fold1", torch.device("cpu"))
    own = log_softmax(member.logits(clips).astype(np.float64) / 2.0, axis=1)
    np.testing.assert_allclose(said, own, atol=1e-5)


def test_weights_of_other_members_are_refused(models: Path, tmp_path: Path) -> None:
    other = refitted(models, tmp_path / "models", {"weights": {"spec_cnn": 1.0}})
    with pytest.raises(EarwitnessError, match="was fitted for spec_cnn, not for spec_cnn, yamnet"):
        Ensemble(other, 1)
