"""Layers of BC-ResNet (Kim et al., Interspeech 2021), laid out for speed on a CPU.

Maps are (F, B, T, C): frequency first, channels last. A row of the map is then one contiguous
slab, so that what BC-ResNet does to frequency alone (sub-bands, strides, the average) are views
and sums of slabs, and every 1x1 convolution is one matrix product. The mathematics is that of
the published (B, C, F, T) form; the tests compare the two.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
