import dataclasses

import numpy as np
import pytest

from earwitness.augment.waveform import alter
from earwitness.schema.trunk import TrunkParams

NOTHING = TrunkParams(
    views=2, roll_seconds=0.0, gain_db=0.0, noise=0.0, batch_size=1, dtype="float32"
)
RATE = 100


def clip(n: int = 500) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(n).astype(np.float32)


def draws(params: TrunkParams, count: int = 200) -> list[np.ndarray]:
    return [alter(clip(), RATE, params, np.random.default_rng([1, i])) for i in range(count)]


def test_without_settings_nothing_changes() -> None:
    altered = alter(clip(), RATE, NOTHING, np.random.default_rng(0))
    np.testing.assert_array_equal(altered, clip())


def test_roll_is_circular_and_bounded() -> None:
    params = dataclasses.replace(NOTHING, roll_seconds=0.25)
    shifts = set()
    for altered in draws(params):
        (shift,) = (s for s in range(-25, 26) if np.array_equal(altered, np.roll(clip(), s)))
        shifts.add(shift)
    assert min(shifts) < -20
    assert max(shifts) > 20


def test_gain_is_in_decibels_either_way() -> None:
    params = dataclasses.replace(NOTHING, gain_db=6.0)
    ratios = [altered / clip() for altered in draws(params)]
    assert all(np.ptp(ratio) < 1e-5 for ratio in ratios)
    gains = 20 * np.log10([ratio.mean() for ratio in ratios])
    assert -6.001 <= gains.min() < -5
    assert 5 < gains.max() <= 6.001


def test_noise_has_a_random_level_up_to_the_limit() -> None:
    params = dataclasses.replace(NOTHING, noise=0.1)
    levels = np.array([(altered - clip()).std() for altered in draws(params)])
    assert levels.max() < 0.12
    assert levels.max() > 0.09
    assert levels.min() < 0.01


def test_one_setting_does_not_change_another_ones_draw() -> None:
    quiet = dataclasses.replace(NOTHING, roll_seconds=1.0)
    loud = dataclasses.replace(quiet, gain_db=6.0)
    for seed in range(10):
        left = alter(clip(), RATE, quiet, np.random.default_rng(seed))
        right = alter(clip(), RATE, loud, np.random.default_rng(seed))
        assert np.corrcoef(left, right)[0, 1] == pytest.approx(1, abs=1e-5)


def test_input_is_left_alone_and_type_kept() -> None:
    params = dataclasses.replace(NOTHING, roll_seconds=1.0, gain_db=6.0, noise=0.1)
    waveform = clip()
    altered = alter(waveform, RATE, params, np.random.default_rng(0))
    np.testing.assert_array_equal(waveform, clip())
    assert altered.dtype == np.float32
    assert altered.shape == waveform.shape
    again = alter(waveform, RATE, params, np.random.default_rng(0))
    np.testing.assert_array_equal(altered, again)
