"""PCEN equals librosa's, whichever library computes it."""

import librosa
import numpy as np
import pytest
import torch
import torchaudio

from earwitness.features import pcen as module
from earwitness.features.pcen import find_backend, pcen, smoothing_coefficient
from earwitness.schema.features import PcenParams

PARAMS = PcenParams(scale=2.0**31, gain=0.98, bias=2.0, power=0.5, time_constant=0.4, eps=1e-6)


def mel(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).gamma(0.5, 1e-3, shape)


def own(spectrogram: np.ndarray) -> np.ndarray:
    return pcen(spectrogram, sample_rate=16000, hop_samples=320, params=PARAMS)


def reference(spectrogram: np.ndarray) -> np.ndarray:
    scaled = spectrogram * PARAMS.scale
    b = smoothing_coefficient(16000, 320, PARAMS.time_constant)
    smooth = np.empty_like(scaled)
    past = scaled[..., 0]
    for t in range(scaled.shape[-1]):
        past = (1 - b) * past + b * scaled[..., t]
        smooth[..., t] = past
    normalised = scaled / (PARAMS.eps + smooth) ** PARAMS.gain
    return (normalised + PARAMS.bias) ** PARAMS.power - PARAMS.bias**PARAMS.power


def test_is_the_published_formula() -> None:
    spectrogram = mel((8, 60))
    np.testing.assert_allclose(own(spectrogram), reference(spectrogram), rtol=1e-7, atol=1e-12)


def test_is_librosa_but_for_the_initial_state() -> None:
    spectrogram = mel((8, 400))
    theirs = librosa.pcen(spectrogram * PARAMS.scale, sr=16000, hop_length=320, time_constant=0.4)
    # After many time constants the initial state is forgotten.
    np.testing.assert_allclose(own(spectrogram)[:, -20:], theirs[:, -20:], rtol=1e-6)


def test_a_batch_is_its_clips() -> None:
    batch = mel((3, 8, 50))
    for whole, clip in zip(own(batch), batch, strict=True):
        assert np.array_equal(whole, own(clip))


def test_a_steady_sound_has_no_transient() -> None:
    steady = np.full((4, 50), 0.01)
    result = own(steady)
    np.testing.assert_allclose(result, result[:, :1].repeat(50, axis=1), rtol=1e-9)


@pytest.fixture
def fresh_chain() -> None:
    find_backend.cache_clear()
    yield
    find_backend.cache_clear()


@pytest.mark.usefixtures("fresh_chain")
def test_librosa_is_used_where_torchaudio_has_no_pcen() -> None:
    assert not hasattr(torchaudio.functional, "pcen")
    assert find_backend() == "librosa"


@pytest.mark.usefixtures("fresh_chain")
def test_an_agreeing_torchaudio_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def agreeing(x: torch.Tensor, **constants: float) -> torch.Tensor:
        params = PcenParams(
            scale=1.0,
            **{k: constants[k] for k in ("gain", "bias", "power", "time_constant", "eps")},
        )
        return torch.from_numpy(module._librosa(x.numpy(), 16000, 320, params))

    monkeypatch.setattr(torchaudio.functional, "pcen", agreeing, raising=False)
    assert find_backend() == "torchaudio.functional"


@pytest.mark.usefixtures("fresh_chain")
def test_a_torchaudio_that_computes_something_else_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torchaudio.functional, "pcen", lambda x, **_: x, raising=False)

    class Transform:
        def __init__(self, **constants: float) -> None: ...

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    monkeypatch.setattr(torchaudio.transforms, "PCEN", Transform, raising=False)
    assert find_backend() == "librosa"
