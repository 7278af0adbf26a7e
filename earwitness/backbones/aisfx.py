"""AISFX: a CNN of eight 3x3 convolutions, trained on commercial sound-effect libraries.

Paper: Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects
Libraries", ISMIR 2022. Source of the weights: https://github.com/alisonbma/aisfx (CC BY 4.0,
the code MIT). Blocks: the convolutions, with batch normalisation folded into weights and
biases; a pooling belongs to the block before it. Maps are (batch, channels, time, mel).
"""

import io
import pickle
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.compliance.kaldi import get_mel_banks

from earwitness.backbones.base import Backbone
from earwitness.backbones.record import BackboneRecord
from earwitness.errors import EarwitnessError

WIDTHS = (64, 64, 128, 128, 256, 256, 512, 512)
POOLED = (1, 3, 5)  # blocks whose output is halved in time and mel
HEAD_WIDTHS = (512, 256, 128, 79)

N_FFT = 2048
HOP_SAMPLES = 1024
N_MELS = 96
MEL_RANGE_HZ = (0.0, 22050.0)
LOG_SCALE = 1e4
LARGEST_LOG = 9.457798957824707  # of the authors' training spectrograms
PATCH_FRAMES = 100
PATCH_HOP_FRAMES = 50
MIN_FRAMES = 2 ** len(POOLED)

NORM_EPS = 1e-5
CHECKPOINT_MEMBER = "aisfx/models/checkpoint.pth"
# One of nine libraries, each with a classifier of its own. Its 79 classes have no names in
# the wheel; on real clips they are categories of the Universal Category System
# (https://universalcategorysystem.com) in the order of the alphabet.
LIBRARY = "soundlyTrain"


class ConvBlock(nn.Module):
    """A 3x3 convolution, a maximum over 2x2 where the block has one, and a ReLU."""

    def __init__(self, inputs: int, outputs: int, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.pooled = pooled

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, T, F) to (B, outputs, T, F), or half as many T and F if pooled."""
        if x.shape[1] == 1:
            # With one channel the two memory layouts differ in the strides' values alone.
            x = x[:, 0].unsqueeze(-1).permute(0, 3, 1, 2)
        # channels_last is faster on a CPU; a no-op but for the first block after a store,
        # whose arrays have channels first.
        x = self.conv(x.contiguous(memory_format=torch.channels_last))
        if self.pooled:
            x = F.max_pool2d(x, 2)  # the same before the ReLU as after it, at a quarter of the work
        return F.relu_(x)


class Aisfx(Backbone):
    """AISFX's network over a clip of any length.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.

    Attributes
    ----------
    head : nn.Sequential
        Its own classifier of the 79 classes of one library, layer for layer as published.
        (`classifier` stays None: the base class means a single linear layer by it.)
    """

    window: Tensor
    mel_bank: Tensor

    def __init__(self, record: BackboneRecord) -> None:
        blocks: list[nn.Module] = [
            ConvBlock(*widths, pooled=index in POOLED)
            for index, widths in enumerate(pairwise((1, *WIDTHS)))
        ]
        super().__init__(record, blocks, list(WIDTHS))
        layers: list[nn.Module] = []
        for widths in pairwise(HEAD_WIDTHS):
            layers += [nn.Linear(*widths), nn.ReLU()]
        self.head = nn.Sequential(*layers[:-1])
        # The last three arguments warp the bank by nothing (a factor of 1). Its triangles are
        # straight on the mel scale, as Essentia's are with weighting="warping".
        bank, _ = get_mel_banks(
            N_MELS, N_FFT, record.sample_rate, *MEL_RANGE_HZ, 100.0, -500.0, 1.0
        )
        bank = F.pad(bank, (0, 1))  # Kaldi leaves out the bin of the Nyquist frequency
        window = torch.hann_window(N_FFT, periodic=False)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel_bank", bank / bank.sum(dim=1, keepdim=True), persistent=False)

    @torch.no_grad()
    def front_end(self, waveform: Tensor) -> Tensor:
        """Compute log-mel frames.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At 44.1 kHz, full scale 1.0.

        Returns
        -------
        Tensor [shape=(B, 1, T, 96), dtype=float32]
            log10(10000 power + 1) / 9.458, T = 1 + n // 1024; one clip at a time, so that no
            clip's rounding depends on its batch.

        Raises
        ------
        EarwitnessError
            If the clips are shorter than 0.163 s.
        """
        shortest = (MIN_FRAMES - 1) * HOP_SAMPLES
        if waveform.shape[-1] < shortest:
            raise EarwitnessError(
                f"aisfx needs clips of at least {shortest} samples at 44.1 kHz "
                f"({shortest / 44100:.3f} s), not {waveform.shape[-1]}: raise prepare.seconds"
            )
        return torch.stack([self._log_mel(clip) for clip in waveform]).unsqueeze(1)

    def pool(self, x: Tensor) -> Tensor:
        """Pool a block's output over all of the clip.

        Parameters
        ----------
        x : Tensor [shape=(B, C, T, F)]
            Output of a block.

        Returns
        -------
        Tensor [shape=(B, 2 C), dtype=float32]
            Maximum and standard deviation over time of the mean over mel. The first is what
            its own classifier reads; both together beat mean and maximum over the whole map
            on validation (docs/experiments.md).
        """
        means = x.float().mean(dim=3)
        return torch.cat([means.amax(dim=2), means.std(dim=2, correction=0)], dim=1)

    def class_scores(self, x: Tensor) -> Tensor:
        """Score the 79 classes of one library.

        Parameters
        ----------
        x : Tensor [shape=(B, C, T, F)]
            Output of the last block.

        Returns
        -------
        Tensor [shape=(B, 79)]
            Logits.
        """
        scores: Tensor = self.head(x.mean(dim=3).amax(dim=2))
        return scores

    @torch.no_grad()
    def recognise(self, waveform: Tensor) -> Tensor:
        """Score the library's classes in patches of 2.3 s, as published.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At 44.1 kHz, full scale 1.0.

        Returns
        -------
        Tensor [shape=(B, 79)]
            Probabilities, which add up to 1, averaged over patches that overlap by half.

        Raises
        ------
        EarwitnessError
            If the clips are too short.
        """
        x = self.front_end(waveform)
        x = F.pad(x, (0, 0, 0, max(0, PATCH_FRAMES - x.shape[2])))
        patches = x.unfold(2, PATCH_FRAMES, PATCH_HOP_FRAMES)  # (B, 1, P, 96, 100)
        patches = patches.permute(0, 2, 1, 4, 3)  # (B, P, 1, 100, 96)
        scores = self.class_scores(self.run(patches.flatten(0, 1), 0, len(self.blocks))[0])
        return scores.softmax(dim=1).reshape(*patches.shape[:2], -1).mean(dim=1)

    def _log_mel(self, clip: Tensor) -> Tensor:
        spectrum = torch.stft(
            clip, N_FFT, HOP_SAMPLES, window=self.window, pad_mode="constant", return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(dim=-1)  # (1025, T)
        return torch.log10(LOG_SCALE * (power.T @ self.mel_bank.T) + 1) / LARGEST_LOG  # (T, 96)


def build(record: BackboneRecord) -> Aisfx:
    """Build the architecture at random weights."""
    return Aisfx(record)


def convert(record: BackboneRecord, path: Path) -> tuple[dict[str, Tensor], None]:
    """Read the weights from the wheel.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.
    path : Path
        The wheel, already checked against its pinned hash.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of `Aisfx`, float32.
    labels : None
        The wheel does not name the classes.

    Raises
    ------
    EarwitnessError
        If the wheel does not hold the model this module was written for.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            published, libraries = _read_checkpoint(wheel.read(CHECKPOINT_MEMBER))
        return _own_state(published, f"fc.{libraries[LIBRARY][0]}"), None
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        RuntimeError,
        KeyError,
        ValueError,
    ) as error:
        raise EarwitnessError(
            f"{path} does not hold the {record.name} model that is expected there ({error}): "
            f"get {record.transport.filename} anew from {record.transport.address}"
        ) from error


def _read_checkpoint(content: bytes) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    """Unpickle (state dict, library -> (place, classes)) with an allow-list, running no code."""
    # The places are numpy integers, whose constructor has moved since they were pickled.
    constructor = np.int64(0).__reduce__()[0]
    numbers: list[Any] = [np.dtype, np.dtypes.Int64DType]
    numbers.append((constructor, "numpy.core.multiarray.scalar"))
    with torch.serialization.safe_globals(numbers):
        published, libraries = torch.load(
            io.BytesIO(content), map_location="cpu", weights_only=True
        )
    return published, libraries


def _own_state(published: Mapping[str, Tensor], head: str) -> dict[str, Tensor]:
    """Fold each normalisation into its convolution, in float64, and rename."""
    state = {}
    for index in range(len(WIDTHS)):
        block, layer = f"embedding_net.conv_block{index // 2 + 1}", index % 2 + 1
        kernel = published[f"{block}.conv{layer}.weight"].double()
        gain, shift, mean, variance = (
            published[f"{block}.bn{layer}.{name}"].double()
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / (variance + NORM_EPS).sqrt()
        state[f"blocks.{index}.conv.weight"] = (kernel * scale[:, None, None, None]).float()
        state[f"blocks.{index}.conv.bias"] = (shift - mean * scale).float()
    for name, tensor in published.items():
        if name.startswith(f"{head}."):
            state[name.replace(head, "head", 1)] = tensor
    return state
