"""A small waveform encoder, trained from scratch: strided convolutions and attentive pooling."""

from torch import Tensor, nn

from earwitness.errors import EarwitnessError
from earwitness.nets.layers import AttentivePool, Standardise
from earwitness.schema.nets.conv1d import NetParams


class Conv1d(nn.Module):
    """One-dimensional CNN on the waveform.

    The convolutions are two-dimensional ones on maps of height one: these have a channels-last
    layout, in which they are faster.

    Parameters
    ----------
    net : NetParams
        Convolutions, pooling, dropout.
    classes : int
        Outputs.
    """

    def __init__(self, net: NetParams, classes: int) -> None:
        super().__init__()
        self.standardise = Standardise((1, 1, 1))
        layers: list[nn.Module] = []
        inputs = 1
        for width, kernel, stride in zip(net.widths, net.kernels, net.strides, strict=True):
            layers += [
                nn.Conv2d(inputs, width, (1, kernel), (1, stride), (0, kernel // 2), bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            inputs = width
        self.body = nn.Sequential(*layers)
        self.pool = AttentivePool(inputs, net.attention_hidden)
        self.dropout = nn.Dropout(net.dropout)
        self.classifier = nn.Linear(inputs, classes)

    def embed(self, x: Tensor) -> Tensor:
        """Compute what the classifier reads.

        Parameters
        ----------
        x : Tensor [shape=(B, 1, 1, samples)]
            Waveforms of any length.

        Returns
        -------
        Tensor [shape=(B, widths[-1])]
            Attentive pooling over time.
        """
        frames = self.body(self.standardise(x)).squeeze(2).transpose(1, 2)  # (B, T, C)
        pooled: Tensor = self.pool(frames)
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        """Classify.

        Parameters
        ----------
        x : Tensor [shape=(B, 1, 1, samples)]
            Waveforms.

        Returns
        -------
        Tensor [shape=(B, classes)]
            Logits.
        """
        logits: Tensor = self.classifier(self.dropout(self.embed(x)))
        return logits


def build(net: NetParams, *, channels: int, mels: int, classes: int) -> Conv1d:
    """Make the network for given features.

    Parameters
    ----------
    net : NetParams
        ``train.conv1d.net``.
    channels, mels : int
        Shape of the features: 1 and 1, a waveform.
    classes : int
        Outputs.

    Returns
    -------
    Conv1d
        With random weights from torch's global generator.

    Raises
    ------
    EarwitnessError
        If the features are not waveforms.
    """
    if (channels, mels) != (1, 1):
        raise EarwitnessError(
            f"conv1d reads waveforms, but its features have {channels} channels of {mels} mel "
            "bands: give it the waveform as its features"
        )
    return Conv1d(net, classes)
