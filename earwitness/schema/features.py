"""Constants of the log-mel + PCEN front end (section ``features``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, config=STRICT)
class PcenParams:
    """Per-channel energy normalisation (Wang et al. 2017), named as in librosa.

    Attributes
    ----------
    scale : float
        Factor on the mel spectrogram before normalisation; 2**31 is librosa's advice for
        waveforms in [-1, 1].
    gain, bias, power, time_constant, eps : float
        `time_constant` is in seconds.
    """

    scale: Positive
    gain: Annotated[float, Field(ge=0)]
    bias: Annotated[float, Field(ge=0)]
    power: Positive
    time_constant: Positive
    eps: Positive


@dataclass(frozen=True, config=STRICT)
class FeatureParams:
    """Section ``features``: every constant of the spectrogram front end."""

    sample_rate: PositiveInt
    n_fft: PositiveInt
    win_samples: PositiveInt
    hop_samples: PositiveInt
    n_mels: PositiveInt
    f_min: Annotated[float, Field(ge=0)]
    f_max: Positive
    power: Positive
    center: bool
    pad_mode: Literal["constant", "reflect"]
    norm: Literal["slaney"] | None
    mel_scale: Literal["slaney", "htk"]
    amin: Positive
    top_db: Positive
    pcen: PcenParams
    dtype: Literal["float16", "float32"]

    def __post_init__(self) -> None:
        """Check what no single field can tell."""
        if self.f_max > self.sample_rate / 2:
            raise ValueError(
                f"f_max {self.f_max:g} Hz is above half the sample rate ({self.sample_rate} Hz)"
            )
        if self.f_min >= self.f_max:
            raise ValueError(f"f_min {self.f_min:g} Hz is not below f_max {self.f_max:g} Hz")
        if self.win_samples > self.n_fft:
            raise ValueError(f"win_samples {self.win_samples} is longer than n_fft {self.n_fft}")
