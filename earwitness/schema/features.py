"""What each network reads (section ``features.<network>``)."""

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
class WaveformParams:
    """Section ``features.<network>`` of a network that reads waveforms.

    Attributes
    ----------
    kind : "waveform"
        Tells this section from `FeatureParams`.
    sample_rate : int
        In Hz.
    dtype : {"float16", "float32"}
        Stored type.
    """

    kind: Literal["waveform"]
    sample_rate: PositiveInt
    dtype: Literal["float16", "float32"]

    @property
    def channels(self) -> tuple[str, ...]:
        """What is stored: one channel."""
        return ("waveform",)


@dataclass(frozen=True, config=STRICT)
class FeatureParams:
    """Section ``features.<network>``: every constant of the spectrogram front end.

    Attributes
    ----------
    kind : "spectrogram"
        Tells this section from `WaveformParams`.
    channels : tuple of {"log_mel", "pcen"}
        What is stored and read, in this order.
    sample_rate : int
        In Hz.
    n_fft, win_samples, hop_samples, n_mels, f_min, f_max, power, center, pad_mode, norm, \
    mel_scale
        As in torchaudio's MelSpectrogram; frequencies in Hz.
    amin, top_db : float
        Floor of the mel spectrogram, and of the log-mel below the clip's own maximum.
    pcen : PcenParams
        Constants of PCEN.
    dtype : {"float16", "float32"}
        Stored type.
    """

    kind: Literal["spectrogram"]
    channels: Annotated[tuple[Literal["log_mel", "pcen"], ...], Field(min_length=1)]
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
        if len(set(self.channels)) < len(self.channels):
            raise ValueError(f"channels lists one twice: {', '.join(self.channels)}")
        if self.f_max > self.sample_rate / 2:
            raise ValueError(
                f"f_max {self.f_max:g} Hz is above half the sample rate ({self.sample_rate} Hz)"
            )
        if self.f_min >= self.f_max:
            raise ValueError(f"f_min {self.f_min:g} Hz is not below f_max {self.f_max:g} Hz")
        if self.win_samples > self.n_fft:
            raise ValueError(f"win_samples {self.win_samples} is longer than n_fft {self.n_fft}")


# pydantic tells the two apart by `kind`, so that a mistake is reported for the right one.
AnyFeatures = Annotated[FeatureParams | WaveformParams, Field(discriminator="kind")]
