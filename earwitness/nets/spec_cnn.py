"""The spectrogram CNN: a compact residual network with squeeze-and-excitation.

The notebook's Model A kept its first layers at full resolution, which is where its time went.
Here the stem can halve both axes, so that an epoch costs a tenth.
"""

import torch
from torch import Tensor, nn

from earwitness.nets.layers import SeBlock, Standardise, average_pool
from earwitness.schema.nets.spec_cnn import NetParams


class SpecCnn(nn.Module):
    """Squeeze-and-excitation network with adaptive pooling.

    Parameters
    ----------
    net : NetParams
        Widths, depth, resolution, dropout.
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
            nn.Conv2d(channels, first, 5, net.stem_stride, 2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        inputs = first
        for stage, width in enumerate(net.widths):
            for block in range(net.blocks):
                halve = stage > 0 and block == 0
                if halve and net.downsample == "average":
                    blocks.append(average_pool(2))
                stride = 2 if halve and net.downsample == "stride" else 1
                blocks.append(SeBlock(inputs, width, stride, net.se_reduction, net.residual))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(net.dropout)
        self.maximum = net.pooling == "mean_max"
        self.classifier = nn.Linear(inputs * (2 if self.maximum else 1), classes)

    def embed(self, x: Tensor) -> Tensor:
        """Compute what the classifier reads.

        Parameters
        ----------
        x : Tensor [shape=(B, C, F, T)]
            Spectrograms of any number of frames.

        Returns
        -------
        Tensor [shape=(B, widths[-1]) or (B, 2 * widths[-1])]
            Mean over frequency, then mean, or mean and maximum, over time.
        """
        # channels_last is faster on a CPU; a no-op in training, where the batch is that already.
        x = self.standardise(x).contiguous(memory_format=torch.channels_last)
        x = self.blocks(self.stem(x)).mean(2)  # (B, C, T)
        return torch.cat([x.mean(2), x.amax(2)], dim=1) if self.maximum else x.mean(2)

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
