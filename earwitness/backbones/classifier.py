"""A pretrained backbone with a classifier on its levels."""

import torch
from torch import Tensor, nn

from earwitness.backbones.base import Backbone
from earwitness.backbones.head import build_head
from earwitness.schema.finetune import HeadParams
from earwitness.schema.model import Layers


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
    layers : {"weighted", "last"}
        What the head sees (``model.layers``).
    """

    def __init__(
        self,
        backbone: Backbone,
        unfrozen: int,
        classes: int,
        params: HeadParams,
        layers: Layers = "weighted",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.unfrozen = unfrozen
        self.boundary = backbone.record.boundary(unfrozen)
        for parameter in backbone.parameters():
            parameter.requires_grad_(False)
        for block in backbone.blocks[self.boundary :]:
            for parameter in block.parameters():
                parameter.requires_grad_(True)
        self.head = build_head(backbone, layers, classes, params)

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
        """Pool every level that the head sees, given the frozen ones.

        Parameters
        ----------
        boundary : Tensor [shape=(B, ...)]
            What the first trainable block reads.
        levels : Tensor [shape=(B, D)]
            Pooled outputs of the frozen blocks.

        Returns
        -------
        Tensor [shape=(B, level_width)]
            Pooled outputs of all levels, or of the last one.
        """
        own = self.backbone.run(boundary, self.boundary, len(self.backbone.blocks))[1]
        return self._seen(torch.cat([levels, own], dim=1))

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
        levels = self._seen(torch.cat([levels, own], dim=1))
        return levels, self.backbone.frames(last).float()

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

    def _seen(self, levels: Tensor) -> Tensor:
        """Keep what the head sees of all levels: the last ones, if not all."""
        return levels[:, -self.head.linear.in_features :]
