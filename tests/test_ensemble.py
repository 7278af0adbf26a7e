from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from earwitness.ensemble import Fitted, combine, fit, uniform_log_probs
from earwitness.errors import EarwitnessError
from earwitness.schema.ensemble import EnsembleParams

PARAMS = EnsembleParams(("log_linear", "greedy"), 0.01, 50, (1, 3))


def log_linear(logits: dict, targets: np.ndarray, l2: float) -> Fitted:
    return fit(logits, targets, "log_linear", replace(PARAMS, l2=l2))


def draw(log_probs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a class a row."""
    edges = np.cumsum(np.exp(log_probs), axis=1)
    return (rng.random((len(edges), 1)) > edges).sum(axis=1).clip(max=log_probs.shape[1] - 1)


def members(rng: np.random.Generator, clips: int, classes: int = 6) -> dict[str, np.ndarray]:
    return {name: rng.normal(size=(clips, classes)) * 2 for name in ("a", "b", "c")}


def effective(fitted) -> dict[str, float]:
    """Weight over temperature: what the pool multiplies each member's logits by."""
    return {name: fitted.weights[name] / fitted.temperatures[name] for name in fitted.weights}


def test_the_true_pool_is_recovered() -> None:
    rng = np.random.default_rng(0)
    logits = members(rng, 20_000)
    truth = {"a": 0.7, "b": 0.3, "c": 0.0}
    targets = draw(combine(logits, truth, dict.fromkeys(truth, 1.0)), rng)
    found = effective(log_linear(logits, targets, 0.0))
    assert found == pytest.approx(truth, abs=0.03)


def test_a_temperature_is_recovered() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(20_000, 5)) * 2
    targets = draw(log_softmax(logits, axis=1), rng)
    fitted = log_linear({"sure": logits * 4, "shy": logits / 3}, targets, 0.1)
    assert fitted.temperatures == pytest.approx({"sure": 4.0, "shy": 1 / 3}, rel=0.05)


def test_a_member_that_is_wrong_gets_no_weight_and_none_gets_less() -> None:
    rng = np.random.default_rng(2)
    logits = members(rng, 3000)
    targets = draw(log_softmax(logits["a"], axis=1), rng)
    logits["b"] = -logits["a"] + 0.1 * logits["b"]
    fitted = log_linear(logits, targets, 0.0)
    assert min(fitted.weights.values()) >= 0
    assert fitted.weights["b"] == 0
    assert fitted.weights["a"] > 0.9


@pytest.mark.parametrize("seed", range(8))
def test_the_fit_is_no_worse_than_equal_weights_on_validation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = members(rng, 60)
    targets = draw(combine(logits, {"a": 1.0, "b": 0.5, "c": 0.2}, dict.fromkeys("abc", 1.0)), rng)
    fitted = log_linear(logits, targets, 0.0)
    assert fitted.nll_fitted <= fitted.nll_uniform + 1e-9
    uniform = uniform_log_probs(logits)
    assert fitted.nll_uniform == pytest.approx(-uniform[np.arange(60), targets].mean())


def test_the_penalty_pulls_towards_equal_weights() -> None:
    rng = np.random.default_rng(3)
    logits = members(rng, 200)
    targets = draw(log_softmax(logits["a"], axis=1), rng)
    distances = []
    for l2 in (0.0, 0.1, 1.0, 100.0):
        weights = np.array(list(log_linear(logits, targets, l2).weights.values()))
        distances.append(np.abs(weights - 1 / 3).max())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.01


def test_the_weights_minimise_the_objective() -> None:
    rng = np.random.default_rng(4)
    logits = members(rng, 100)
    targets = draw(uniform_log_probs(logits), rng)
    fitted = log_linear(logits, targets, 0.05)

    def objective(weights: dict[str, float]) -> float:
        pooled = combine(logits, weights, fitted.temperatures)
        nll = -pooled[np.arange(100), targets].mean()
        return nll + 0.05 * sum((w - 1 / 3) ** 2 for w in weights.values())

    best = objective(fitted.weights)
    for name in logits:
        for step in (-1e-3, 1e-3):
            moved = {**fitted.weights, name: max(0.0, fitted.weights[name] + step)}
            assert objective(moved) >= best - 1e-12


def test_the_fit_is_deterministic() -> None:
    rng = np.random.default_rng(5)
    logits = members(rng, 100)
    targets = rng.integers(0, 6, 100)
    for method in ("log_linear", "greedy"):
        fitted = fit(logits, targets, method, PARAMS)
        assert fitted == fit(logits, targets, method, PARAMS)


def test_members_that_are_always_right_give_finite_weights() -> None:
    targets = np.arange(30) % 5
    logits = {name: 20.0 * np.eye(5)[targets] for name in ("a", "b")}
    fitted = log_linear(logits, targets, 0.01)
    assert np.isfinite(list(fitted.weights.values())).all()
    assert combine(logits, fitted.weights, fitted.temperatures).argmax(axis=1).tolist() == list(
        targets
    )


def test_greedy_weights_are_shares_of_steps_times_a_sharpness() -> None:
    rng = np.random.default_rng(7)
    logits = members(rng, 3000)
    truth = {"a": 0.7, "b": 0.3, "c": 0.0}
    targets = draw(combine(logits, truth, dict.fromkeys(truth, 1.0)), rng)
    fitted = fit(logits, targets, "greedy", replace(PARAMS, greedy_steps=10))
    sharpness = sum(fitted.weights.values())
    shares = {name: weight / sharpness * 10 for name, weight in fitted.weights.items()}
    assert all(abs(share - round(share)) < 1e-6 for share in shares.values())
    assert shares["a"] > shares["b"] > shares["c"]
    assert fitted.nll_fitted < fitted.nll_uniform
    best = log_linear(logits, targets, 0.0).nll_fitted
    assert best <= fitted.nll_fitted


def test_pools_by_hand() -> None:
    logits = {"a": np.log([[0.8, 0.2]]), "b": np.log([[0.2, 0.8]])}
    assert np.exp(uniform_log_probs(logits)) == pytest.approx(np.array([[0.5, 0.5]]))
    pooled = np.exp(combine(logits, {"a": 2.0, "b": 0.0}, {"a": 1.0, "b": 1.0}))
    assert pooled == pytest.approx(np.array([[16 / 17, 1 / 17]]))
    cooled = np.exp(combine(logits, {"a": 1.0, "b": 0.0}, {"a": 2.0, "b": 1.0}))
    assert cooled == pytest.approx(np.array([[2 / 3, 1 / 3]]))


def test_one_member_alone_is_itself() -> None:
    logits = np.random.default_rng(6).normal(size=(7, 4)).astype(np.float32)
    assert np.exp(uniform_log_probs({"a": logits})) == pytest.approx(softmax(logits, axis=1))


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ({}, "no members"),
        ({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}, r"b has logits of shape \(4, 2\)"),
        ({"a": np.full((3, 2), np.nan)}, "a predicted NaN"),
        ({"a": np.zeros((0, 2))}, "shape"),
    ],
)
def test_logits_that_do_not_fit_are_refused(logits: dict, message: str) -> None:
    with pytest.raises(EarwitnessError, match=message):
        uniform_log_probs(logits)


def test_targets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EarwitnessError, match="one class index below 2"):
        log_linear({"a": np.zeros((3, 2))}, [0, 1, 2], 0.0)


def test_an_ensemble_fitted_for_other_members_is_refused() -> None:
    with pytest.raises(EarwitnessError, match="fitted for a, not for b"):
        combine({"b": np.zeros((1, 2))}, {"a": 1.0}, {"a": 1.0})
