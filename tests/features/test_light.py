"""The front end without librosa says what the one with it says."""

from dataclasses import replace

import numpy as np
import pytest

from earwitness.features.light import LightFrontEnd, lighten
from earwitness.features.spectrogram import SpectrogramFrontEnd
from tests.trained import FEATURES


@pytest.mark.parametrize("level", [1e-6, 0.1, 30.0])
def test_the_features_are_the_same(level: float) -> None:
    clip = np.random.default_rng(0).normal(0, level, 16000).astype(np.float32)
    clip[5000:9000] = 0.0
    reference = SpectrogramFrontEnd(FEATURES)
    light = lighten(reference)
    assert isinstance(light, LightFrontEnd)
    np.testing.assert_allclose(light(clip), reference(clip), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("changes", [{"power": 1.0}, {"bias": 0.0}])
def test_so_are_those_of_rare_settings(changes: dict[str, float]) -> None:
    params = replace(FEATURES, pcen=replace(FEATURES.pcen, **changes))
    clip = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    reference = SpectrogramFrontEnd(params)
    np.testing.assert_array_equal(lighten(reference)(clip), reference(clip))
