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


class ResidualSeBlock(nn.Module):
    """Two 3x3 convolutions with squeeze-and-excitation and a shortcut.

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
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs, se_reduction),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
                if stride > 1
                else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

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
