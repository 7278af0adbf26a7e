"""The frozen baseline."""

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from earwitness.training.baseline import fit_baseline


def problem(classes: int, seed: int = 0, features: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(42).normal(size=(classes, features))
    targets = np.arange(60) % classes
    return (centres[targets] + 3 * rng.normal(size=(60, features))).astype(np.float32), targets


@pytest.mark.parametrize("features", [20, 60, 200])
@pytest.mark.parametrize("classes", [2, 5])
def test_it_is_the_plain_regression(classes: int, features: int) -> None:
    x, y = problem(classes, features=features)
    baseline = fit_baseline(x, y, problem(classes, 1, features), (0.1,))
    standard = (x - x.mean(0)) / x.std(0)
    plain = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8).fit(standard, y)
    ours = baseline.logits(x)
    probs = np.exp(ours) / np.exp(ours).sum(1, keepdims=True)
    np.testing.assert_allclose(probs, plain.predict_proba(standard), atol=1e-2)
    assert baseline.logits(x).shape == (60, classes)


def test_the_strength_is_the_one_validation_prefers() -> None:
    (x, y), validation = problem(5), problem(5, 1)
    strengths = (1e-5, 1e-2, 1e2)

    def loss(c: float) -> float:
        logits = fit_baseline(x, y, validation, (c,)).logits(validation[0]).astype(np.float64)
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        return float(-logits[np.arange(60), validation[1]].mean())

    assert fit_baseline(x, y, validation, strengths).c == min(strengths, key=loss)


def test_many_clips_take_no_matrix_of_clips_by_clips() -> None:
    clips, features = 20_000, 4
    x = np.random.default_rng(0).normal(size=(clips, features)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    tracemalloc.start()
    try:
        fit_baseline(x, y, (x, y), (0.1,))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * x.nbytes  # 13 MB, where such a matrix would take 3.2 GB


def test_a_constant_feature_does_no_harm() -> None:
    x, y = problem(3)
    x[:, 0] = 4.0
    baseline = fit_baseline(x, y, problem(3, 1), (0.1,))
    assert np.isfinite(baseline.logits(x)).all()
