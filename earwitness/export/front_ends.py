"""The members' front ends once more, for a whole batch and without libraries for signals."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from earwitness.backbones import aisfx, mn04, yamnet
from earwitness.backbones.base import Backbone
from earwitness.backbones.speech import SpeechBackbone
from earwitness.export.spectrum import Decibels, MelSpectrogram, Pcen, stft_edges
from earwitness.inference.member import Member, NetworkMember, PretrainedMember
from earwitness.schema.features import FeatureParams, WaveformParams


class NotExportable(Exception):
    """A model has a front end that is not written down here."""


class Spectrogram(nn.Module):
    """What `earwitness.features.spectrogram.SpectrogramFrontEnd` computes.

    Parameters
    ----------
    params : FeatureParams
        Every constant of the transform.
    """

    def __init__(self, params: FeatureParams) -> None:
        super().__init__()
        bank = melscale_fbanks(
            params.n_fft // 2 + 1,
            params.f_min,
            params.f_max,
            params.n_mels,
            params.sample_rate,
            norm=params.norm,
            mel_scale=params.mel_scale,
        )
        self.mel = MelSpectrogram(
            torch.hann_window(params.win_samples),
            bank,
            n_fft=params.n_fft,
            hop_samples=params.hop_samples,
            edges=stft_edges(params.n_fft, params.win_samples, center=params.center),
            pad_mode=params.pad_mode,
            power=params.power,
        )
        kinds: dict[str, Callable[[], nn.Module]] = {
            "log_mel": lambda: Decibels(params.amin, params.top_db),
            "pcen": lambda: Pcen(params.pcen, params.sample_rate, params.hop_samples),
        }
        self.channels = nn.ModuleList(kinds[name]() for name in params.channels)

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to features (B, channels, mels, frames)."""
        mel = self.mel(waveform)
        return torch.stack([channel(mel) for channel in self.channels], dim=1)


class Waveform(nn.Module):
    """What `earwitness.features.spectrogram.WaveformFrontEnd` computes."""

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to (B, 1, 1, samples)."""
        return waveform[:, None, None]


class YamnetLogMel(nn.Module):
    """The front end of `earwitness.backbones.yamnet`."""

    def __init__(self, backbone: yamnet.Yamnet) -> None:
        super().__init__()
        self.mel = MelSpectrogram(
            backbone.window,
            backbone.mel_bank,
            n_fft=yamnet.N_FFT,
            hop_samples=yamnet.HOP_SAMPLES,
            power=1.0,
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to (B, 1, frames, mels)."""
        mel = self.mel(waveform)
        return torch.log(mel + yamnet.LOG_OFFSET).transpose(1, 2)[:, None]


class AisfxLogMel(nn.Module):
    """The front end of `earwitness.backbones.aisfx`."""

    def __init__(self, backbone: aisfx.Aisfx) -> None:
        super().__init__()
        self.mel = MelSpectrogram(
            backbone.window,
            backbone.mel_bank.T,
            n_fft=aisfx.N_FFT,
            hop_samples=aisfx.HOP_SAMPLES,
            edges=stft_edges(aisfx.N_FFT, aisfx.N_FFT, center=True),
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to (B, 1, frames, mels)."""
        mel = self.mel(waveform)
        logarithm = torch.log10(aisfx.LOG_SCALE * mel + 1) / aisfx.LARGEST_LOG
        return logarithm.transpose(1, 2)[:, None]


class MobileNetLogMel(nn.Module):
    """The front end of `earwitness.backbones.mn04`."""

    def __init__(self, backbone: mn04.MobileNet) -> None:
        super().__init__()
        self.mel = MelSpectrogram(
            backbone.window,
            backbone.mel_bank.T,
            n_fft=mn04.N_FFT,
            hop_samples=mn04.HOP_SAMPLES,
            edges=stft_edges(mn04.N_FFT, mn04.WIN_SAMPLES, center=True),
            pad_mode="reflect",
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to (B, 1, mels, frames)."""
        mel = self.mel(waveform[:, 1:] - mn04.PRE_EMPHASIS * waveform[:, :-1])
        return ((torch.log(mel + mn04.LOG_OFFSET) + 4.5) / 5)[:, None]


class SpeechEncoder(nn.Module):
    """The front end of `earwitness.backbones.speech`.

    It is made of torch's own layers, which treat the clips of a batch alike; only the
    normalisation of the waveform is told to look at one clip at a time.
    """

    def __init__(self, backbone: SpeechBackbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to (B, frames, D)."""
        parts = self.backbone
        if parts.normalise:
            waveform = F.layer_norm(waveform, waveform.shape[-1:])
        x = parts.projection(parts.extractor(waveform, None)[0])
        x = x + parts.position(x)
        encoded: Tensor = parts.norm(x) if parts.norm_at_start else x
        return encoded


FAMILIES: dict[type[Backbone], Callable[[Any], nn.Module]] = {
    yamnet.Yamnet: YamnetLogMel,
    aisfx.Aisfx: AisfxLogMel,
    mn04.MobileNet: MobileNetLogMel,
    SpeechBackbone: SpeechEncoder,
}


def exportable_front_end(member: Member) -> nn.Module:
    """Make the front end of a member's graph.

    Parameters
    ----------
    member : Member
        A trained model.

    Returns
    -------
    nn.Module
        From clips (B, samples) to what the member's network or backbone reads, the same as its
        own front end up to rounding.

    Raises
    ------
    NotExportable
        If nothing here computes what its front end does.
    """
    if isinstance(member, NetworkMember):
        params = member.front_end.params
        return Waveform() if isinstance(params, WaveformParams) else Spectrogram(params)
    if isinstance(member, PretrainedMember):
        for family, front_end in FAMILIES.items():
            if isinstance(member.model.backbone, family):
                return front_end(member.model.backbone)
    raise NotExportable(f"earwitness/export/front_ends.py has no front end of {member.name}")
