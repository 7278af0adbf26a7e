"""MN04: MobileNetV3-Large at width 0.4 on log-mel, by EfficientAT's authors; other widths too.

Paper: Schmid, Koutini, Widmer, "Efficient Large-Scale Audio Tagging via
Transformer-to-CNN Knowledge Distillation", ICASSP 2023 (https://arxiv.org/abs/2211.04772).
Source of the weights: https://github.com/fschmid56/EfficientAT (MIT). Blocks: the first
convolution, 15 inverted residuals, the last 1x1 convolution. The published kernels lie on
maps of (mel, time), so maps are (batch, channels, mel, time) here, not (..., time, mel).
"""

import pickle
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.compliance.kaldi import get_mel_banks

from earwitness.backbones.base import Backbone
from earwitness.backbones.record import BackboneRecord
from earwitness.errors import EarwitnessError


class Row(NamedTuple):
    """An inverted residual at width 1, as in table 1 of the MobileNetV3 paper."""

    kernel: int
    expanded: int
    outputs: int
    excite: bool
    hardswish: bool
    stride: int


FIRST_WIDTH = 16
TABLE = (
    Row(3, 16, 16, False, False, 1),
    Row(3, 64, 24, False, False, 2),
    Row(3, 72, 24, False, False, 1),
    Row(5, 72, 40, True, False, 2),
    Row(5, 120, 40, True, False, 1),
    Row(5, 120, 40, True, False, 1),
    Row(3, 240, 80, False, True, 2),
    Row(3, 200, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 480, 112, True, True, 1),
    Row(3, 672, 112, True, True, 1),
    Row(5, 672, 160, True, True, 2),
    Row(5, 960, 160, True, True, 1),
    Row(5, 960, 160, True, True, 1),
)
LAST_FACTOR = 6
HEAD_WIDTH = 1280
HIDDEN_LAYERS = 5  # of the head: what comes before its last linear layer
CLASSES = 527

PRE_EMPHASIS = 0.97
N_FFT = 1024
WIN_SAMPLES = 800
HOP_SAMPLES = 320
N_MELS = 128
MEL_RANGE_HZ = (0.0, 15000.0)
LOG_OFFSET = 1e-5
RENAMED = (("features.", "blocks."), ("classifier.", "head."), ("conc_se_layers.0.", ""))

# Frames are centred on a signal mirrored by half a window, so it must be longer than that
# after pre-emphasis, which takes one sample.
MIN_SAMPLES = N_FFT // 2 + 2


def scale(channels: int, width: float) -> int:
    """Scale a number of channels to a multiple of 8 that is at least 90% of what was asked."""
    asked = channels * width
    rounded = max(8, int(asked + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * asked else rounded + 8


class ConvNorm(nn.Sequential):
    """A convolution of maps (B, inputs, M, T), normalisation and an activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] = nn.Identity,
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01), activation())


class SqueezeExcite(nn.Module):
    """Scale each channel by a function of all channels' means (a plain sigmoid at the end)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = scale(channels // 4, 1.0)
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Scale a map (B, channels, M, T)."""
        means = x.mean(dim=(2, 3))
        factors: Tensor = self.fc2(F.relu(self.fc1(means))).sigmoid()
        return x * factors[:, :, None, None]


class InvertedResidual(nn.Module):
    """Expand, convolve each channel, excite, project, and add the input where shapes allow."""

    def __init__(self, inputs: int, row: Row, width: float) -> None:
        super().__init__()
        expanded, outputs = scale(row.expanded, width), scale(row.outputs, width)
        activation = nn.Hardswish if row.hardswish else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != inputs:
            layers.append(ConvNorm(inputs, expanded, activation=activation))
        layers.append(ConvNorm(expanded, expanded, row.kernel, row.stride, expanded, activation))
        if row.excite:
            layers.append(SqueezeExcite(expanded))
        layers.append(ConvNorm(expanded, outputs))
        self.block = nn.Sequential(*layers)
        self.residual = row.stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, M, T) to (B, outputs, M / stride, T / stride), rounded up."""
        # channels_last is faster on a CPU; a no-op but for the first block after a store,
        # whose arrays have channels first.
        x = x.contiguous(memory_format=torch.channels_last)
        output: Tensor = self.block(x)
        return x + output if self.residual else output


class MobileNet(Backbone):
    """MobileNetV3-Large over a clip of any length.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.
    width : float
        Multiplies all numbers of channels.

    Attributes
    ----------
    head : nn.Sequential
        Its own two-layer classifier of the 527 AudioSet classes, layer for layer as published.
        (`classifier` stays None: the base class means a single linear layer by it.)
    hidden_width : int
        Width of that classifier's hidden layer.
    """

    window: Tensor
    mel_bank: Tensor

    def __init__(self, record: BackboneRecord, width: float) -> None:
        inputs = scale(FIRST_WIDTH, width)
        blocks: list[nn.Module] = [ConvNorm(1, inputs, 3, 2, activation=nn.Hardswish)]
        widths = [inputs]
        for row in TABLE:
            blocks.append(InvertedResidual(widths[-1], row, width))
            widths.append(scale(row.outputs, width))
        last = LAST_FACTOR * widths[-1]
        blocks.append(ConvNorm(widths[-1], last, activation=nn.Hardswish))
        super().__init__(record, blocks, [*widths, last])
        self.hidden_width = hidden = scale(HEAD_WIDTH, width)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(last, hidden),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(hidden, CLASSES),
        )
        # The last three arguments warp the bank by nothing (a factor of 1).
        bank, _ = get_mel_banks(
            N_MELS, N_FFT, record.sample_rate, *MEL_RANGE_HZ, 100.0, -500.0, 1.0
        )
        window = torch.hann_window(WIN_SAMPLES, periodic=False)
        self.register_buffer("window", window, persistent=False)
        # Kaldi leaves out the bin of the Nyquist frequency.
        self.register_buffer("mel_bank", F.pad(bank, (0, 1)), persistent=False)

    @torch.no_grad()
    def front_end(self, waveform: Tensor) -> Tensor:
        """Compute log-mel frames.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At 32 kHz, full scale 1.0.

        Returns
        -------
        Tensor [shape=(B, 1, 128, T), dtype=float32]
            (log(power + 1e-5) + 4.5) / 5, T = 1 + (n - 1) // 320; one clip at a time, so that
            no clip's rounding depends on its batch.

        Raises
        ------
        EarwitnessError
            If the clips are shorter than 0.017 s.
        """
        if waveform.shape[-1] < MIN_SAMPLES:
            raise EarwitnessError(
                f"{self.record.name} needs clips of at least {MIN_SAMPLES} samples at 32 kHz "
                f"({MIN_SAMPLES / 32000:.3f} s), not {waveform.shape[-1]}: raise prepare.seconds"
            )
        return torch.stack([self._log_mel(clip) for clip in waveform]).unsqueeze(1)

    def frames(self, x: Tensor) -> Tensor:
        """Turn a block's output into a sequence for attentive pooling.

        Parameters
        ----------
        x : Tensor [shape=(B, C, M, T)]
            Output of a block.

        Returns
        -------
        Tensor [shape=(B, T, C)]
            The map averaged over mel.
        """
        return x.mean(dim=2).transpose(1, 2)

    def level(self, index: int, x: Tensor) -> Tensor:
        """Give what a classifier on the levels sees of a block.

        Parameters
        ----------
        index : int
            Of the block.
        x : Tensor [shape=(B, C, M, T)]
            Its output.

        Returns
        -------
        Tensor [shape=(B, D), dtype=float32]
            Mean and maximum over the map; of the last block, also the hidden layer of the
            network's own classifier, which helps on validation (docs/experiments.md).
        """
        pooled = self.pool(x)
        if index < len(self.blocks) - 1:
            return pooled
        return torch.cat([pooled, self.head[:HIDDEN_LAYERS](x).float()], dim=1)

    def level_sizes(self) -> list[int]:
        """Width of each block's part of the levels."""
        *lower, last = super().level_sizes()
        return [*lower, last + self.hidden_width]

    def class_scores(self, x: Tensor) -> Tensor:
        """Score the 527 AudioSet classes.

        Parameters
        ----------
        x : Tensor [shape=(B, C, M, T)]
            Output of the last block.

        Returns
        -------
        Tensor [shape=(B, 527)]
            Logits, in the order of AudioSet's class_labels_indices.csv.
        """
        scores: Tensor = self.head(x)
        return scores

    def _log_mel(self, clip: Tensor) -> Tensor:
        clip = clip[1:] - PRE_EMPHASIS * clip[:-1]
        spectrum = torch.stft(
            clip, N_FFT, HOP_SAMPLES, WIN_SAMPLES, self.window, return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(dim=-1)  # (513, T)
        return (torch.log(self.mel_bank @ power + LOG_OFFSET) + 4.5) / 5  # (128, T)


def convert(record: BackboneRecord, path: Path) -> tuple[dict[str, Tensor], None]:
    """Read a published state dict.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.
    path : Path
        The file, already checked against its pinned hash.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of `MobileNet`.
    labels : None
        The file does not name its classes.

    Raises
    ------
    EarwitnessError
        If the file is not a state dict.
    """
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
        return {_own_name(name): tensor for name, tensor in published.items()}, None
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError) as error:
        raise EarwitnessError(
            f"{path} does not hold the {record.name} model that is expected there ({error}): "
            f"get {record.transport.filename} anew from {record.transport.address}"
        ) from error


def _own_name(published: str) -> str:
    """Our name of a published tensor: the layers of all modules are in the published order."""
    for theirs, ours in RENAMED:
        published = published.replace(theirs, ours)
    return published


def build(record: BackboneRecord) -> MobileNet:
    """Build the architecture at random weights."""
    return MobileNet(record, width=0.4)
