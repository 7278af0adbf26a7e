"""Augmentation of stored spectrograms."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.augment.mixup import draw_partner, mix, mix_power
from earwitness.augment.spectrogram import mask, shift_and_gain
from earwitness.schema.train import SpecAugmentParams

PARAMS = SpecAugmentParams(
    roll=0.5,
    gain_db=6.0,
    filter_db=0.0,
    time_masks=2,
    time_mask_frames=10,
    frequency_masks=2,
    frequency_mask_bins=4,
    mask_probability=1.0,
    mixing="mixup",
    mixup_alpha=0.4,
    mixup_probability=1.0,
    crop=1.0,
)
BOTH = ("log_mel", "pcen")
FILL = np.array([7.0, 9.0], np.float32)[:, None, None]


def features(seed: int = 0, frames: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 16, frames)).astype(np.float32)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_roll_moves_both_channels_alike_and_loses_nothing(seed: int) -> None:
    x = features()
    y = shift_and_gain(x, BOTH, replace(PARAMS, gain_db=0.0), np.random.default_rng(seed))
    shifts = [s for s in range(40) if np.array_equal(np.roll(x, s, axis=-1), y)]
    assert len(shifts) == 1


@given(seed=st.integers(0, 10_000))
def test_gain_moves_the_log_mel_channel_alone(seed: int) -> None:
    x = features()
    y = shift_and_gain(x, BOTH, replace(PARAMS, roll=0.0), np.random.default_rng(seed))
    assert np.array_equal(x[1], y[1])
    gain = y[0] - x[0]
    assert np.ptp(gain) < 1e-5
    assert np.abs(gain).max() <= 6.0 + 1e-5


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 40))
def test_masks_stay_within_their_widths(seed: int, frames: int) -> None:
    x = features(frames=frames)
    y = x.copy()
    mask(y, FILL, PARAMS, np.random.default_rng(seed))
    changed = (y != x).any(axis=0)
    assert np.array_equal(y[:, changed], np.broadcast_to(FILL[:, :, 0], y[:, changed].shape))
    whole_frames = changed.all(axis=0).sum()
    whole_bands = changed.all(axis=1).sum()
    assert whole_frames <= 20 or whole_bands == 16
    assert whole_bands <= 8 or whole_frames == frames


def test_masks_can_be_switched_off() -> None:
    x = features()
    y = x.copy()
    mask(y, FILL, replace(PARAMS, mask_probability=0.0), np.random.default_rng(0))
    assert np.array_equal(x, y)


def test_mixup_is_off_at_alpha_zero_and_probability_zero() -> None:
    for alpha, probability in ((0.0, 1.0), (0.4, 0.0)):
        kept = {draw_partner(9, alpha, probability, np.random.default_rng(s))[1] for s in range(50)}
        assert kept == {1.0}


def test_mixup_partners_are_training_examples_and_shares_are_shares() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_partner(5, 0.4, 1.0, rng) for _ in range(500)]
    assert {partner for partner, _ in drawn} == set(range(5))
    assert all(0.0 <= keep <= 1.0 for _, keep in drawn)
    assert abs(np.mean([keep for _, keep in drawn]) - 0.5) < 0.05


def test_a_filter_is_smooth_over_frequency_and_bounded() -> None:
    x = features()
    params = replace(PARAMS, roll=0.0, gain_db=0.0, filter_db=6.0)
    y = shift_and_gain(x, BOTH, params, np.random.default_rng(0))
    assert np.array_equal(x[1], y[1])
    curve = y[0] - x[0]
    assert np.ptp(curve, axis=1).max() < 1e-5
    assert 1.0 < np.ptp(curve) <= 12.0
    assert np.abs(np.diff(curve[:, 0])).max() <= 12.0 / 3.75 + 1e-5


def test_gain_multiplies_a_waveform() -> None:
    x = np.random.default_rng(0).normal(size=(1, 1, 50)).astype(np.float32)
    params = replace(PARAMS, roll=0.0, filter_db=6.0)
    y = shift_and_gain(x, ("waveform",), params, np.random.default_rng(1))
    ratio = (y / x).ravel()
    assert np.ptp(ratio) < 1e-5
    assert 10 ** (-6 / 20) <= ratio[0] <= 10 ** (6 / 20)


@given(keep=st.floats(0.01, 0.99), level=st.floats(-30, 30))
def test_between_class_mixing_hears_each_sound_by_its_share(keep: float, level: float) -> None:
    """Two sounds of different level in different bands: the share decides, not the level."""
    first = np.full((2, 4), -60.0, np.float32)
    second = first.copy()
    first[0], second[1] = 0.0, level
    power = 10 ** (mix_power(first, second, keep).astype(np.float64) / 10)
    heard = np.sqrt(power[0, 0] / (power[1, 0] / 10 ** (level / 10)))
    # Amplitude ratio p / (1 - p) with equal levels: keep / (1 - keep) after levelling.
    expected = keep / (1 - keep) * 10 ** (level / 20)
    assert (
        abs(heard / expected - 1) < 0.05 or min(heard, expected) < 0.05 or max(heard, expected) > 20
    )


def test_a_clip_mixed_with_itself_stays_itself() -> None:
    x = features()[0] * 20
    np.testing.assert_allclose(mix_power(x, x, 0.3), x, atol=1e-3)


def test_only_log_mel_is_mixed_as_power() -> None:
    x, y = features(1), features(2)
    plain = mix(x, y, 0.25, BOTH, between_class=False)
    np.testing.assert_allclose(plain, 0.25 * x + 0.75 * y, rtol=1e-6)
    power = mix(x, y, 0.25, BOTH, between_class=True)
    assert np.array_equal(power[1], plain[1])
    assert np.array_equal(power[0], mix_power(x[0], y[0], 0.25))
