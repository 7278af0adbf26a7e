"""The paired bootstrap."""

import numpy as np
import pytest

from earwitness.evaluation.bootstrap import paired_bootstrap

SOURCES = np.arange(400).astype(str)


def hits(share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(400) < share


def test_a_model_is_no_better_than_itself() -> None:
    found = paired_bootstrap(hits(0.9, 0), hits(0.9, 0), SOURCES)
    assert found == {"difference": 0.0, "low": 0.0, "high": 0.0, "p_not_better": 1.0}


def test_a_clear_gain_is_clear_and_a_faint_one_is_not() -> None:
    second = hits(0.8, 0)
    clear = paired_bootstrap(second | hits(0.5, 1), second, SOURCES)
    assert clear["difference"] == pytest.approx((second | hits(0.5, 1)).mean() - second.mean())
    assert 0 < clear["low"] < clear["difference"] < clear["high"]
    assert clear["p_not_better"] == 0
    faint = second.copy()
    wrong = np.flatnonzero(~second)
    faint[wrong[:2]], faint[np.flatnonzero(second)[:1]] = True, False
    assert 0.05 < paired_bootstrap(faint, second, SOURCES)["p_not_better"] < 0.95


def test_the_interval_is_that_of_the_normal_approximation() -> None:
    first, second = hits(0.9, 2), hits(0.8, 3)
    found = paired_bootstrap(first, second, SOURCES)
    gain = first.astype(float) - second
    error = 1.96 * gain.std() / np.sqrt(400)
    assert found["low"] == pytest.approx(gain.mean() - error, abs=0.005)
    assert found["high"] == pytest.approx(gain.mean() + error, abs=0.005)


def test_clips_of_one_recording_count_together() -> None:
    """Eight takes of one recording say little more than one."""
    first, second = np.repeat(hits(0.9, 4)[:50], 8), np.repeat(hits(0.8, 5)[:50], 8)
    alone = paired_bootstrap(first, second, SOURCES)
    together = paired_bootstrap(first, second, np.repeat(np.arange(50), 8).astype(str))
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_it_repeats() -> None:
    first, second = hits(0.9, 2), hits(0.8, 3)
    assert paired_bootstrap(first, second, SOURCES) == paired_bootstrap(first, second, SOURCES)
