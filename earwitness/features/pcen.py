"""Per-channel energy normalisation through whichever library provides it."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from earwitness.schema.features import PcenParams

FloatArray = NDArray[np.float64]
PcenFunction = Callable[[FloatArray, int, int, PcenParams], FloatArray]


def smoothing_coefficient(sample_rate: int, hop_samples: int, time_constant: float) -> float:
    """Coefficient of PCEN's first-order smoother, as librosa derives it.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    hop_samples : int
        Samples between frames.
    time_constant : float
        In seconds.

    Returns
    -------
    float
        b in ``M[t] = (1 - b) M[t-1] + b S[t]``.
    """
    frames = time_constant * sample_rate / hop_samples
    return float((np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2))


def _librosa(mel: FloatArray, sample_rate: int, hop_samples: int, params: PcenParams) -> FloatArray:
    import librosa

    scaled = mel * params.scale
    b = smoothing_coefficient(sample_rate, hop_samples, params.time_constant)
    # librosa's own initial state pretends that the past was 1.0 in every band; starting
    # from the first frame leaves no transient at the beginning of the clip.
    normalised: FloatArray = librosa.pcen(
        scaled,
        sr=sample_rate,
        hop_length=hop_samples,
        gain=params.gain,
        bias=params.bias,
        power=params.power,
        time_constant=params.time_constant,
        eps=params.eps,
        zi=(1 - b) * scaled[..., :1],
    )
    return normalised


def _torchaudio_functional(
    mel: FloatArray, sample_rate: int, hop_samples: int, params: PcenParams
) -> FloatArray:
    result = torchaudio.functional.pcen(
        torch.from_numpy(mel * params.scale),
        sample_rate=sample_rate,
        hop_length=hop_samples,
        gain=params.gain,
        bias=params.bias,
        power=params.power,
        time_constant=params.time_constant,
        eps=params.eps,
    )
    return np.asarray(result.numpy(), dtype=np.float64)


def _torchaudio_transform(
    mel: FloatArray, sample_rate: int, hop_samples: int, params: PcenParams
) -> FloatArray:
    transform = torchaudio.transforms.PCEN(
        sample_rate=sample_rate,
        hop_length=hop_samples,
        gain=params.gain,
        bias=params.bias,
        power=params.power,
        time_constant=params.time_constant,
        eps=params.eps,
    )
    return np.asarray(transform(torch.from_numpy(mel * params.scale)).numpy(), dtype=np.float64)


_CHAIN: dict[str, PcenFunction] = {
    "torchaudio.functional": _torchaudio_functional,
    "torchaudio.transforms": _torchaudio_transform,
    "librosa": _librosa,
}


def _agrees_with_librosa(candidate: PcenFunction) -> bool:
    probe = np.abs(np.sin(np.arange(2 * 40, dtype=np.float64))).reshape(2, 40)
    params = PcenParams(scale=1.0, gain=0.98, bias=2.0, power=0.5, time_constant=0.4, eps=1e-6)
    try:
        result = candidate(probe, 16000, 320, params)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return False
    return result.shape == probe.shape and np.allclose(
        result, _librosa(probe, 16000, 320, params), atol=1e-6
    )


@cache
def find_backend() -> str:
    """Name the first backend of the chain that exists and computes librosa's PCEN.

    torchaudio 2.11 has no PCEN, so today this is "librosa". A later torchaudio is taken only
    if a probe shows that its arguments and its result are the same, because features must
    not depend on which library happens to be installed.

    Returns
    -------
    str
        "torchaudio.functional", "torchaudio.transforms" or "librosa".
    """
    return next(
        name
        for name, function in _CHAIN.items()
        if name == "librosa" or _agrees_with_librosa(function)
    )


def pcen(mel: FloatArray, *, sample_rate: int, hop_samples: int, params: PcenParams) -> FloatArray:
    """Normalise a mel spectrogram channel by channel (Wang et al., ICASSP 2017).

    Parameters
    ----------
    mel : np.ndarray [shape=(..., n_mels, frames)]
        Mel spectrogram, not logarithmic; float64, since the smoother accumulates.
    sample_rate : int
        In Hz.
    hop_samples : int
        Samples between frames.
    params : PcenParams
        Constants; ``params.scale`` multiplies `mel` first.

    Returns
    -------
    np.ndarray [shape=(..., n_mels, frames)]
        PCEN, float64.
    """
    return _CHAIN[find_backend()](mel, sample_rate, hop_samples, params)
