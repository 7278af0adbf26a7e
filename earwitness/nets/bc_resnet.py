"""BC-ResNet as published, and the notebook's network of that name."""

from math import gcd

import torch
from torch import Tensor, nn

from earwitness.errors import EarwitnessError
from earwitness.nets.broadcast import BroadcastBlock, CollapseConv, norm_last
from earwitness.nets.layers import DepthwiseSeBlock, Standardise
from earwitness.schema.nets.bc_resnet import NetParams

# Of the published network: blocks, width in eighths of the stem's and frequency stride a stage.
STAGES = ((2, 4, 1), (2, 6, 2), (4, 8, 2), (4, 10, 1))
COLLAPSE_ROWS = 5


class BroadcastResNet(nn.Module):
    """Broadcasted residual learning (Kim et al., Interspeech 2021): time keeps its resolution.

    Parameters
    ----------
    net : NetParams
        `scale`, `sub_bands`, `dropout`.
    channels : int
        Input channels.
    mels : int
        Rows of the input.
    classes : int
        Outputs.

    Raises
    ------
    EarwitnessError
        If the sub-bands do not divide the rows of every stage, or too few rows are left.
    """

    def __init__(self, net: NetParams, channels: int, mels: int, classes: int) -> None:
        super().__init__()
        check_rows(mels, net.sub_bands)
        stem = 16 * net.scale
        self.standardise = Standardise((channels, 1, 1))
        self.stem = nn.Conv2d(channels, stem, 5, (2, 1), 2, bias=False)
        self.stem_norm = nn.BatchNorm1d(stem)
        blocks: list[nn.Module] = []
        inputs = stem
        for stage, (count, eighths, first_stride) in enumerate(STAGES):
            width = stem * eighths // 8
            for block in range(count):
                stride = first_stride if block == 0 else 1
                blocks.append(
                    BroadcastBlock(inputs, width, stride, 2**stage, net.sub_bands, net.dropout)
                )
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.collapse = CollapseConv(inputs)
        self.widen = nn.Linear(inputs, 2 * stem, bias=False)
        self.widen_norm = nn.BatchNorm1d(2 * stem)
        self.classifier = nn.Linear(2 * stem, classes)

    def embed(self, x: Tensor) -> Tensor:
        """Compute what the classifier reads.

        Parameters
        ----------
        x : Tensor [shape=(B, C, F, T)]
            Spectrograms of any number of frames.

        Returns
        -------
        Tensor [shape=(B, 32 * scale)]
            Mean over frequency and time.
        """
        x = self.stem(self.standardise(x).contiguous(memory_format=torch.channels_last))
        x = x.permute(2, 0, 3, 1).contiguous()  # (F, B, T, C)
        x = norm_last(self.stem_norm, x, torch.relu_)
        x = self.widen(self.collapse(self.blocks(x)))
        return norm_last(self.widen_norm, x, torch.relu_).mean((0, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Classify.

        Parameters
        ----------
        x : Tensor [shape=(B, C, F, T)]
            Spectrograms.

        Returns
        -------
        Tensor [shape=(B, classes)]
            Logits.
        """
        logits: Tensor = self.classifier(self.embed(x))
        return logits


class SqueezeResNet(nn.Module):
    """The notebook's "BC-ResNet-8": four stages of two depthwise blocks with attention.

    Its first stage keeps the full resolution, which makes it slow; it is here to compare with.

    Parameters
    ----------
    net : NetParams
        `scale`, `se_reduction`, `dropout`.
    channels : int
        Input channels.
    classes : int
        Outputs.
    """

    def __init__(self, net: NetParams, channels: int, classes: int) -> None:
        super().__init__()
        first = 5 * net.scale
        self.standardise = Standardise((channels, 1, 1))
        self.stem = nn.Sequential(
            nn.Conv2d(channels, first, 5, 1, 2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        )
        widths = [first * (1 + block // 2) for block in range(8)]
        self.blocks = nn.Sequential(
            *(
                DepthwiseSeBlock(
                    widths[max(block - 1, 0)],
                    width,
                    2 if block in (2, 4, 6) else 1,
                    net.se_reduction,
                )
                for block, width in enumerate(widths)
            )
        )
        self.dropout = nn.Dropout(net.dropout)
        self.classifier = nn.Linear(widths[-1], classes)

    def embed(self, x: Tensor) -> Tensor:
        """Compute what the classifier reads.

        Parameters
        ----------
        x : Tensor [shape=(B, C, F, T)]
            Spectrograms of any number of bands and frames.

        Returns
        -------
        Tensor [shape=(B, 20 * scale)]
            Mean over frequency and time.
        """
        return self.blocks(self.stem(self.standardise(x))).mean((2, 3))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Classify.

        Parameters
        ----------
        x : Tensor [shape=(B, C, F, T)]
            Spectrograms.

        Returns
        -------
        Tensor [shape=(B, classes)]
            Logits.
        """
        logits: Tensor = self.classifier(self.dropout(self.embed(x)))
        return logits


def stage_rows(mels: int) -> list[int]:
    """Count the rows of each stage's maps, the last of which reach the classifier.

    Parameters
    ----------
    mels : int
        Rows of the input.

    Returns
    -------
    list of int
        One a stage.
    """
    rows = [-(-mels // 2)]  # the stem's
    for _, _, stride in STAGES:
        rows.append(-(-rows[-1] // stride))
    return rows[1:]


def check_rows(mels: int, sub_bands: int) -> None:
    """Check that a number of mel bands suits the network.

    Parameters
    ----------
    mels : int
        Rows of the input.
    sub_bands : int
        Of the sub-spectral normalisation.

    Raises
    ------
    EarwitnessError
        If it does not; the message says what would.
    """
    rows = stage_rows(mels)
    stages = ", ".join(map(str, rows))
    if rows[-1] < COLLAPSE_ROWS:
        raise EarwitnessError(
            f"train.bc_resnet.net: {mels} mel bands leave {stages} rows in its stages, and the "
            f"last needs {COLLAPSE_ROWS}: set its features' n_mels to 40 or more"
        )
    if any(count % sub_bands for count in rows):
        common = gcd(*rows)
        fitting = ", ".join(str(n) for n in range(1, common + 1) if common % n == 0)
        raise EarwitnessError(
            f"train.bc_resnet.net.sub_bands is {sub_bands}, but {mels} mel bands leave {stages} "
            f"rows in its stages: set it to one of {fitting}, or its features' n_mels to a "
            f"multiple of {8 * sub_bands}"
        )


def build(
    net: NetParams, *, channels: int, mels: int, classes: int
) -> BroadcastResNet | SqueezeResNet:
    """Make the network for given features.

    Parameters
    ----------
    net : NetParams
        ``train.bc_resnet.net``.
    channels, mels : int
        Shape of the features.
    classes : int
        Outputs.

    Returns
    -------
    BroadcastResNet or SqueezeResNet
        With random weights from torch's global generator.

    Raises
    ------
    EarwitnessError
        If the mel bands do not suit the published variant.
    """
    if net.variant == "se":
        return SqueezeResNet(net, channels, classes)
    return BroadcastResNet(net, channels, mels, classes)
