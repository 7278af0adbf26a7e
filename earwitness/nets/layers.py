"""Layers that several networks share."""

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Subtract a mean and divide by a standard deviation, both fixed before training.

    Parameters
    ----------
    shape : tuple of int
        Shape of the statistics, broadcast against the input.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def set(self, mean: Tensor, std: Tensor, floor: float) -> None:
        """Fix the statistics.

        Parameters
        ----------
        mean, std : Tensor
            Of the training clips, in the shape given to the constructor.
        floor : float
            Least standard deviation: a constant input must not be blown up.
        """
        self.mean.copy_(mean)
        self.std.copy_(std.clamp_min(floor))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise.

        Parameters
        ----------
        x : Tensor
            Any shape the statistics broadcast against.

        Returns
        -------
        Tensor
            Same shape.
        """
        return (x - self.mean) / self.std


class SqueezeExcite(nn.Module):
    """Channel attention from the average over the map (Hu et al., CVPR 2018).

    Parameters
    ----------
    channels : int
        Channels in and out.
    reduction : int
        Bottleneck divisor.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Weight the channels.

        Parameters
        ----------
        x : Tensor [shape=(B, C, F, T)]
            A feature map.

        Returns
        -------
        Tensor [shape=(B, C, F, T)]
            `x` times a weight in (0, 1) a channel.
        """
        weights = self.excite(torch.relu(self.squeeze(x.mean((2, 3)))))
        return x * torch.sigmoid(weights)[:, :, None, None]


class AttentivePool(nn.Module):
    """Mean over time with learned weights.

    Parameters
    ----------
    channels : int
        Features of a frame.
    hidden : int
        Hidden units of the attention.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Linear(channels, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False)
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Pool.

        Parameters
        ----------
        frames : Tensor [shape=(B, T, C)]
            Of any number of frames.

        Returns
        -------
        Tensor [shape=(B, C)]
            Their weighted mean.
        """
        weights = torch.softmax(self.attention(frames), dim=1)  # (B, T, 1)
        return (weights * frames).sum(1)


class SeBlock(nn.Module):
    """Two 3x3 convolutions with squeeze-and-excitation and, unless told otherwise, a shortcut.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Of both axes.
    se_reduction : int
        Bottleneck divisor of the squeeze-and-excitation.
    residual : bool
        Whether there is a shortcut.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, se_reduction: int, residual: bool = True
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs, se_reduction),
        )
        self.shortcut = _shortcut(inputs, outputs, stride) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Parameters
        ----------
        x : Tensor [shape=(B, inputs, F, T)]
            A feature map.

        Returns
        -------
        Tensor [shape=(B, outputs, ceil(F / stride), ceil(T / stride))]
            The next one.
        """
        y: Tensor = self.body(x)
        return torch.relu(y if self.shortcut is None else y + self.shortcut(x))


class DepthwiseSeBlock(nn.Module):
    """Depthwise 3x3 and pointwise convolution with squeeze-and-excitation and a shortcut.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Of both axes.
    se_reduction : int
        Bottleneck divisor of the squeeze-and-excitation.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, se_reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs, se_reduction),
        )
        self.shortcut = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Parameters
        ----------
        x : Tensor [shape=(B, inputs, F, T)]
            A feature map.

        Returns
        -------
        Tensor [shape=(B, outputs, ceil(F / stride), ceil(T / stride))]
            The next one.
        """
        return torch.relu(self.body(x) + self.shortcut(x))


def average_pool(stride: int) -> nn.AvgPool2d:
    """Average over squares, cut off at the edge so that no map becomes empty.

    Parameters
    ----------
    stride : int
        Side of the squares.

    Returns
    -------
    nn.AvgPool2d
        From (B, C, F, T) to (B, C, ceil(F / stride), ceil(T / stride)).
    """
    return nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(
        average_pool(stride) if stride > 1 else nn.Identity(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )
