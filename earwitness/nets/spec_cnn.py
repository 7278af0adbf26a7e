"""The spectrogram CNN: a compact residual network with squeeze-and-excitation.

The notebook's Model A kept its first layers at full resolution, which is where its time went.
Here the stem already halves both axes, so that an epoch costs a tenth.
"""

import torch
from torch import Tensor, nn

from earwitness.nets.layers import ResidualSeBlock, Standardise
from earwitness.schema.nets.spec_cnn import NetParams


class SpecCnn(nn.Module):
    """Residual SE network with adaptive pooling.

    Parameters
    ----------
    net : NetParams
        Widths, depth, dropout.
    channels : int
        Input channels.
    classes : int
        Outputs.
    """

    def __init__(self, net: NetParams, channels: int, classes: int) -> None:
        super().__init__()
        self.standardise = Standardise((channels, 1, 1))
        first = net.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(channels, first, 5, 2, 2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        inputs = first
        for stage, width in enumerate(net.widths):
            for block in range(net.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(ResidualSeBlock(inputs, width, stride, net.se_reduction))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(net.dropout)
        self.classifier = nn.Linear(2 * inputs, classes)

    def embed(self, x: Tensor) -> Tensor:
        """Compute what the classifier reads.

        Parameters
        ----------
        x : Tensor [shape=(B, C, F, T)]
            Spectrograms of any number of frames.

        Returns
        -------
        Tensor [shape=(B, 2 * widths[-1])]
            Mean over frequency, then mean and maximum over time.
        """
        x = self.blocks(self.stem(self.standardise(x))).mean(2)  # (B, C, T)
        return torch.cat([x.mean(2), x.amax(2)], dim=1)

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


def build(net: NetParams, *, channels: int, mels: int, classes: int) -> SpecCnn:
    """Make the network for given features.

    Parameters
    ----------
    net : NetParams
        ``train.spec_cnn.net``.
    channels, mels : int
        Shape of the features; this network takes any number of mel bands.
    classes : int
        Outputs.

    Returns
    -------
    SpecCnn
        With random weights from torch's global generator.
    """
    del mels
    return SpecCnn(net, channels, classes)
