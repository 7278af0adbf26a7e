"""A pretrained backbone with a classifier on all of its levels."""

import torch
from torch import Tensor, nn

from earwitness.backbones.base import Backbone
from earwitness.nets.layers import Standardise
from earwitness.schema.finetune import HeadParams


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
        linear = self.linear(self.dropout(self.standardise(levels)))
        logits: Tensor = linear + self.attended(self.dropout(self.embed(frames)))
        return logits


class PretrainedClassifier(nn.Module):
    """A backbone whose last blocks are trained, and its head.

    Parameters
    ----------
    backbone : Backbone
        With its pretrained weights.
    unfrozen : int
        Trainable blocks, counted from the end.
    classes : int
        Outputs.
    params : HeadParams
        The head's settings.
    """

    def __init__(self, backbone: Backbone, unfrozen: int, classes: int, params: HeadParams) -> None:
        super().__init__()
        self.backbone = backbone
        self.unfrozen = unfrozen
        self.boundary = backbone.record.boundary(unfrozen)
        for parameter in backbone.parameters():
            parameter.requires_grad_(False)
        for block in backbone.blocks[self.boundary :]:
            for parameter in block.parameters():
                parameter.requires_grad_(True)
        self.head = LevelHead(sum(backbone.level_sizes()), backbone.widths[-1], classes, params)

    def train(self, mode: bool = True) -> "PretrainedClassifier":
        """Set training mode, but never below the boundary.

        Parameters
        ----------
        mode : bool
            Whether the trained part is in training mode.

        Returns
        -------
        PretrainedClassifier
            This module.
        """
        super().train(mode)
        # Pretrained normalisation statistics are worth more than those of small batches,
        # so normalisation and dropout inside the backbone stay as in evaluation.
        self.backbone.eval()
        return self

    def pool_levels(self, boundary: Tensor, levels: Tensor) -> Tensor:
        """Pool every level, given the frozen ones.

        Parameters
        ----------
        boundary : Tensor [shape=(B, ...)]
            What the first trainable block reads.
        levels : Tensor [shape=(B, D)]
            Pooled outputs of the frozen blocks.

        Returns
        -------
        Tensor [shape=(B, level_width)]
            Pooled outputs of all levels.
        """
        own = self.backbone.run(boundary, self.boundary, len(self.backbone.blocks))[1]
        return torch.cat([levels, own], dim=1)

    def forward(self, boundary: Tensor, levels: Tensor) -> Tensor:
        """Classify from stored activations.

        Parameters
        ----------
        boundary : Tensor [shape=(B, ...)]
            What the first trainable block reads.
        levels : Tensor [shape=(B, D)]
            Pooled outputs of the frozen blocks.

        Returns
        -------
        Tensor [shape=(B, classes)]
            Logits.
        """
        logits: Tensor = self.head(*self._finish(boundary, levels))
        return logits

    def _finish(self, boundary: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Run the trainable blocks; what the head reads."""
        last, own = self.backbone.run(boundary, self.boundary, len(self.backbone.blocks))
        return torch.cat([levels, own], dim=1), self.backbone.frames(last).float()

    def classify(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Classify waveforms and embed them, in one pass.

        Parameters
        ----------
        waveform : Tensor [shape=(B, samples)]
            At the backbone's sample rate.

        Returns
        -------
        logits : Tensor [shape=(B, classes)]
            Of the clips.
        embeddings : Tensor [shape=(B, 2 C)]
            Pooled output of the last block, standardised as the classifier reads it. Unlike
            the attended frames, it means something in a head that was never fine-tuned.
        """
        x = self.backbone.front_end(waveform)
        boundary, frozen = self.backbone.run(x, 0, self.boundary)
        levels, frames = self._finish(boundary, frozen)
        logits: Tensor = self.head(levels, frames)
        return logits, self.head.standardise(levels)[:, -self.backbone.level_sizes()[-1] :]
