"""Training examples: reproducible, independent of their batch, and of training clips alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from earwitness.schema.train import SpecAugmentParams
from earwitness.training.activations import ActivationExamples
from earwitness.training.spectrograms import SpectrogramExamples, channel_statistics

AUGMENT = SpecAugmentParams(
    roll=0.5,
    gain_db=3.0,
    filter_db=0.0,
    time_masks=1,
    time_mask_frames=5,
    frequency_masks=1,
    frequency_mask_bins=3,
    mask_probability=0.5,
    mixing="mixup",
    mixup_alpha=0.4,
    mixup_probability=0.7,
    crop=1.0,
)
TARGETS = np.arange(10) % 4


def spectrograms(augment: SpecAugmentParams = AUGMENT, seed: int = 5) -> SpectrogramExamples:
    features = np.random.default_rng(0).normal(size=(10, 2, 8, 20)).astype(np.float16)
    return SpectrogramExamples(features, ("log_mel", "pcen"), TARGETS, 4, augment, seed)


def activations(mixup: tuple[float, float] = (0.4, 0.7), seed: int = 5) -> ActivationExamples:
    rng = np.random.default_rng(0)
    boundary = rng.normal(size=(3, 10, 6, 5, 2)).astype(np.float16)
    levels = rng.normal(size=(3, 10, 7)).astype(np.float32)
    return ActivationExamples(boundary, levels, TARGETS, 4, mixup, seed)


@pytest.mark.parametrize("make", [spectrograms, activations])
def test_an_example_does_not_depend_on_its_batch(make: Any) -> None:
    inputs, targets = make().batch(np.array([3, 1, 4]), epoch=2)
    alone, target = make().batch(np.array([1]), epoch=2)
    for together, single in zip(inputs, alone, strict=True):
        assert torch.equal(together[1:2], single)
    assert torch.equal(targets[1:2], target)


@pytest.mark.parametrize("make", [spectrograms, activations])
def test_epochs_and_seeds_differ(make: Any) -> None:
    first = make().batch(np.array([1]), 0)[0][0]
    assert not torch.equal(first, make().batch(np.array([1]), 1)[0][0])
    assert not torch.equal(first, make(seed=6).batch(np.array([1]), 0)[0][0])


@pytest.mark.parametrize("make", [spectrograms, activations])
def test_soft_targets_are_distributions(make: Any) -> None:
    targets = make().batch(np.arange(10), 0)[1]
    torch.testing.assert_close(targets.sum(1), torch.ones(10))
    assert ((targets > 0).sum(1) <= 2).all()


def test_without_augmentation_the_clip_comes_back() -> None:
    none = replace(AUGMENT, roll=0.0, gain_db=0.0, mask_probability=0.0, mixup_alpha=0.0)
    examples = spectrograms(none)
    (inputs,), targets = examples.batch(np.array([7]), 0)
    assert np.array_equal(inputs[0].numpy(), examples.features[7].astype(np.float32))
    assert targets[0].tolist() == [0, 0, 0, 1]


def test_a_crop_is_a_span_of_the_clip() -> None:
    none = replace(AUGMENT, roll=0.0, gain_db=0.0, mask_probability=0.0, mixup_alpha=0.0)
    examples = spectrograms(replace(none, crop=0.5))
    starts = set()
    for epoch in range(20):
        (inputs,), _ = examples.batch(np.array([7]), epoch)
        assert inputs.shape == (1, 2, 8, 10)
        clip = examples.features[7].astype(np.float32)
        found = [s for s in range(11) if np.array_equal(clip[:, :, s : s + 10], inputs[0].numpy())]
        starts.update(found)
        assert len(found) == 1
    assert len(starts) > 3


def test_without_mixup_a_stored_view_comes_back() -> None:
    examples = activations((0.0, 0.0))
    seen = set()
    for epoch in range(30):
        (boundary, levels), _ = examples.batch(np.array([2]), epoch)
        views = [
            view
            for view in range(3)
            if np.array_equal(boundary[0].numpy(), examples.boundary[view, 2].astype(np.float32))
        ]
        assert len(views) == 1
        assert np.array_equal(levels[0].numpy(), examples.levels[views[0], 2])
        seen.update(views)
    assert seen == {0, 1, 2}


def test_statistics_are_those_of_the_clips_given() -> None:
    features = np.random.default_rng(0).normal(5, 2, size=(6, 2, 8, 20)).astype(np.float16)
    mean, std = channel_statistics(features)
    np.testing.assert_allclose(mean.ravel(), features.astype(float).mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(std.ravel(), features.astype(float).std((0, 2, 3)), rtol=1e-4)
