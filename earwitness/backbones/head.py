"""Classifiers on the pooled levels of a backbone."""

import torch
from torch import Tensor, nn

from earwitness.backbones.base import Backbone
from earwitness.nets.layers import Standardise
from earwitness.schema.finetune import HeadParams
from earwitness.schema.model import Layers

# Adam moves each number by about its rate a step, however clear its gradient: too little for
# the weight of a whole layer.
LAYER_GAIN = 10.0


class LevelHead(nn.Module):
    """Linear classifier on every pooled level, plus attentive pooling of the last block.

    It starts as the frozen baseline exactly: the linear part takes the baseline's
    coefficients and the attended part starts at zero.

    Parameters
    ----------
    level_width : int
        Pooled features of all levels together.
    frame_width : int
        Features of a frame of the last block.
    classes : int
        Outputs.
    params : HeadParams
        Width of the attention, dropout.
    """

    def __init__(
        self, level_width: int, frame_width: int, classes: int, params: HeadParams
    ) -> None:
        super().__init__()
        self.standardise = Standardise((level_width,))
        self.linear = nn.Linear(level_width, classes)
        self.attention = nn.Sequential(
            nn.Linear(frame_width, params.attention_hidden),
            nn.Tanh(),
            nn.Linear(params.attention_hidden, 1),
        )
        self.norm = nn.LayerNorm(frame_width)
        self.dropout = nn.Dropout(params.dropout)
        self.attended = nn.Linear(frame_width, classes)
        nn.init.zeros_(self.attended.weight)
        nn.init.zeros_(self.attended.bias)

    def embed(self, frames: Tensor) -> Tensor:
        """Pool frames over time with learned weights (attentive pooling).

        Parameters
        ----------
        frames : Tensor [shape=(B, T, C)]
            Output of the last block.

        Returns
        -------
        Tensor [shape=(B, C)]
            Normalised weighted mean.
        """
        weights = torch.softmax(self.attention(frames), dim=1)  # (B, T, 1)
        pooled: Tensor = self.norm((weights * frames).sum(1))
        return pooled

    def forward(self, levels: Tensor, frames: Tensor) -> Tensor:
        """Classify.

        Parameters
        ----------
        levels : Tensor [shape=(B, level_width)]
            Pooled outputs of the levels.
        frames : Tensor [shape=(B, T, C)]
            Output of the last block.

        Returns
        -------
        Tensor [shape=(B, classes)]
            Logits.
        """
        standard = self.standardise(levels)
        linear = self.linear(self.dropout(standard))
        logits: Tensor = linear + self.attended(self.dropout(self.summarise(standard, frames)))
        return logits

    def summarise(self, standard: Tensor, frames: Tensor) -> Tensor:
        """Give what the part of the classifier that starts at zero sees.

        Parameters
        ----------
        standard : Tensor [shape=(B, level_width)]
            Standardised levels.
        frames : Tensor [shape=(B, T, C)]
            Output of the last block.

        Returns
        -------
        Tensor [shape=(B, C)]
            The attended last block.
        """
        return self.embed(frames)


class LayerSumHead(LevelHead):
    """A head for transformers: a weighted sum over all layers instead of the last one alone.

    The weights are a learned softmax, equal at the start (as in SUPERB, Yang et al.,
    Interspeech 2021). Of every layer the standardised mean over time enters the sum (the store
    has no more of the frozen ones), and the last layer once more, attended.

    Parameters
    ----------
    layers : int
        Number of layers.
    width : int
        Features of a frame of each layer.
    classes : int
        Outputs.
    params : HeadParams
        Width of the attention, dropout.
    """

    def __init__(self, layers: int, width: int, classes: int, params: HeadParams) -> None:
        super().__init__(2 * layers * width, width, classes, params)
        self.width = width
        self.layer_logits = nn.Parameter(torch.zeros(layers + 1))

    def summarise(self, standard: Tensor, frames: Tensor) -> Tensor:
        """Sum over the layers.

        Parameters
        ----------
        standard : Tensor [shape=(B, layers * 2 C)]
            Standardised mean and maximum over time of each layer.
        frames : Tensor [shape=(B, T, C)]
            Output of the last layer.

        Returns
        -------
        Tensor [shape=(B, C)]
            The weighted sum.
        """
        means = standard.view(len(standard), -1, 2, self.width)[:, :, 0]  # (B, layers, C)
        parts = torch.cat([means, self.embed(frames)[:, None]], dim=1)
        weights = torch.softmax(LAYER_GAIN * self.layer_logits, dim=0)
        return (weights[:, None] * parts).sum(1)


def build_head(backbone: Backbone, layers: Layers, classes: int, params: HeadParams) -> LevelHead:
    """Build the head that `layers` asks for.

    Parameters
    ----------
    backbone : Backbone
        Its levels and whether it is a transformer.
    layers : {"weighted", "last"}
        ``model.layers``: what it means for a family is said at `ModelParams`.
    classes : int
        Outputs.
    params : HeadParams
        Width of the attention, dropout.

    Returns
    -------
    LevelHead
        Starting at zero, for `earwitness.training` to set from the frozen baseline.
    """
    sizes, width = backbone.level_sizes(), backbone.widths[-1]
    if layers == "weighted" and backbone.is_transformer:
        return LayerSumHead(len(sizes), width, classes, params)
    return LevelHead(sizes[-1] if layers == "last" else sum(sizes), width, classes, params)
