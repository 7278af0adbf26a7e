"""BC-ResNet (Kim et al., Interspeech 2021) as published, and the notebook's network of that name.

The published network is laid out for speed on a CPU: its maps are (F, B, T, C), frequency first,
channels last. A row of the map is then one contiguous slab, so that what BC-ResNet does to
frequency alone (sub-bands, strides, the average) are views and sums of slabs, and every 1x1
convolution is one matrix product. The mathematics is that of the (B, C, F, T) form; the tests
compare the two.
"""

from collections.abc import Callable
from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from earwitness.errors import EarwitnessError
from earwitness.nets.layers import DepthwiseSeBlock, Standardise
from earwitness.schema.nets.bc_resnet import NetParams

# Of the published network: blocks, width in eighths of the stem's and frequency stride a stage.
STAGES = ((2, 4, 1), (2, 6, 2), (4, 8, 2), (4, 10, 1))
COLLAPSE_ROWS = 5


class FrequencyConv(nn.Module):
    """Depthwise convolution over three neighbouring bands, zero-padded.

    Parameters
    ----------
    channels : int
        In and out.
    stride : int
        Of the frequency axis.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(channels, channels, (3, 1), 1, (1, 0), groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Parameters
        ----------
        x : Tensor [shape=(F, B, T, C)]
            A map.

        Returns
        -------
        Tensor [shape=(ceil(F / stride), B, T, C)]
            The next one.
        """
        image = x.flatten(1, 2)[None].permute(0, 3, 1, 2)  # (1, C, F, B * T), channels last
        y: Tensor = self.conv(image).permute(0, 2, 3, 1).view(x.shape)
        # oneDNN's backward pass with a stride takes twice as long as without.
        return y[:: self.stride] if self.stride > 1 else y


class SubSpectralNorm(nn.Module):
    """Batch normalisation with statistics and scales for each sub-band (Chang et al. 2021).

    Parameters
    ----------
    channels : int
        In and out.
    bands : int
        Sub-bands; they divide the number of rows.
    """

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(bands))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise.

        Parameters
        ----------
        x : Tensor [shape=(F, B, T, C)]
            A map.

        Returns
        -------
        Tensor [shape=(F, B, T, C)]
            Each channel of each sub-band with a mean and deviation of its own.
        """
        bands = x.chunk(len(self.norms))
        return torch.cat([norm_last(n, band) for n, band in zip(self.norms, bands, strict=True)])


class TimeConv(nn.Module):
    """Dilated depthwise convolution over three frames, zero-padded.

    Parameters
    ----------
    channels : int
        In and out.
    dilation : int
        Frames between the taps.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv2d(channels, channels, (3, 1), 1, (1, 0), groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Parameters
        ----------
        x : Tensor [shape=(B, T, C)]
            A map without frequency.

        Returns
        -------
        Tensor [shape=(B, T, C)]
            The next one.
        """
        batch, frames, channels = x.shape
        # Every dilation-th frame stands in one column: there the taps are neighbours, and
        # oneDNN's backward pass takes a tenth of the time of that with a dilation.
        padded = F.pad(x, (0, 0, 0, -frames % self.dilation))
        columns = padded.view(batch, -1, self.dilation, channels)
        y: Tensor = self.conv(columns.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return y.flatten(1, 2).narrow(1, 0, frames)


class BroadcastBlock(nn.Module):
    """Frequency convolution, and a time convolution of its average, broadcast back.

    Parameters
    ----------
    inputs, outputs : int
        Channels. Where they differ, a 1x1 convolution comes first and there is no shortcut.
    stride : int
        Of the frequency axis.
    dilation : int
        Of the time convolution.
    bands : int
        Sub-bands of the normalisation.
    dropout : float
        Of whole channels of the broadcast part.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, dilation: int, bands: int, dropout: float
    ) -> None:
        super().__init__()
        self.transition = inputs != outputs
        if self.transition:
            self.widen = nn.Linear(inputs, outputs, bias=False)
            self.widen_norm = nn.BatchNorm1d(outputs)
        self.frequency = nn.Sequential(
            FrequencyConv(outputs, stride), SubSpectralNorm(outputs, bands)
        )
        self.time = TimeConv(outputs, dilation)
        self.time_norm = nn.BatchNorm1d(outputs)
        self.mix = nn.Linear(outputs, outputs, bias=False)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Parameters
        ----------
        x : Tensor [shape=(F, B, T, inputs)]
            A map.

        Returns
        -------
        Tensor [shape=(ceil(F / stride), B, T, outputs)]
            The next one.
        """
        shortcut = x
        if self.transition:
            x = norm_last(self.widen_norm, self.widen(x), torch.relu_)
        y = self.frequency(x)
        z = norm_last(self.time_norm, self.time(mean_row(y)), F.silu)
        y += self.dropout(self.mix(z).transpose(1, 2)).transpose(1, 2)
        if not self.transition:
            y += shortcut
        return torch.relu_(y)


class CollapseConv(nn.Module):
    """Depthwise 5x5 convolution, padded in time alone: the last four bands go.

    Parameters
    ----------
    channels : int
        In and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, 5, 5))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # that of nn.Conv2d

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Parameters
        ----------
        x : Tensor [shape=(F, B, T, C)]
            A map of at least five rows.

        Returns
        -------
        Tensor [shape=(F - 4, B, T, C)]
            The next one.
        """
        count, batch, frames, channels = x.shape
        rows = x.unbind()
        windows = [torch.cat(rows[row : row + 5], -1) for row in range(count - 4)]
        # As 5 C channels over time: oneDNN has no fast backward pass for the square kernel.
        image = torch.cat(windows)[:, :, None].permute(0, 3, 1, 2)
        weight = self.weight[:, 0].transpose(0, 1).reshape(5 * channels, 1, 5, 1)
        y = F.conv2d(image, weight, padding=(2, 0), groups=5 * channels)  # (., 5 C, T, 1)
        y = y.permute(0, 2, 3, 1).reshape(count - 4, batch, frames, 5, channels)
        return y.sum(-2)


def mean_row(x: Tensor) -> Tensor:
    """Average a map (F, B, T, C) over frequency: (B, T, C)."""
    # As a product: torch's own sum first copies a bfloat16 map to float32.
    total = x.new_ones(1, len(x)) @ x.flatten(1)
    return (total / len(x)).view(x.shape[1:])


def norm_last(
    norm: nn.Module, x: Tensor, activation: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Apply batch normalisation to the last axis.

    Parameters
    ----------
    norm : nn.BatchNorm1d
        Of C channels.
    x : Tensor [shape=(..., C)]
        A map.
    activation : callable, optional
        Follows the normalisation, in place. It belongs here because autograd answers a change
        of a view, such as the result's, with copies of the whole gradient.

    Returns
    -------
    Tensor [shape=(..., C)]
        The next one.
    """
    y: Tensor = norm(x.flatten(0, -2))
    return (activation(y) if activation else y).view(x.shape)


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
