"""What every pretrained backbone offers, whatever its architecture."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from earwitness.backbones.record import BackboneRecord


class Backbone(nn.Module, ABC):
    """A front end and a chain of blocks that can be cut anywhere.

    A block's state is one tensor: a map (B, C, T, F) or a sequence (B, T, D). What else a
    block needs must follow from that tensor's shape (see `step`), so that a chain that is cut
    and resumed from stored activations computes what the whole one does.

    Parameters
    ----------
    record : BackboneRecord
        What is known about the backbone.
    blocks : list of nn.Module
        The units in which it is frozen or trained.
    widths : list of int
        Channels of each block's output.

    Attributes
    ----------
    classifier : nn.Linear or None
        The backbone's own classifier, kept to check its wiring by its own labels.
    is_transformer : bool
        Whether its blocks are layers of one width, each a level, whose outputs can be summed.
    """

    is_transformer = False

    def __init__(self, record: BackboneRecord, blocks: list[nn.Module], widths: list[int]) -> None:
        super().__init__()
        if not len(blocks) == len(widths) == record.blocks:
            raise ValueError(f"{record.name}: {len(blocks)} blocks, not {record.blocks}")
        self.record = record
        self.blocks = nn.ModuleList(blocks)
        self.widths = tuple(widths)
        self.classifier: nn.Linear | None = None

    @abstractmethod
    def front_end(self, waveform: Tensor) -> Tensor:
        """Compute the first block's input.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At the record's sample rate, full scale 1.0.

        Returns
        -------
        Tensor [shape=(B, ...), dtype=float32]
            Without gradient. Each clip's result is the same, bit by bit, in any batch.

        Raises
        ------
        EarwitnessError
            If the clips are too short for the backbone.
        """

    def step(self, index: int, x: Tensor) -> Tensor:
        """Run one block.

        A family whose blocks share something (a relative position bias, say) overrides this
        and computes it anew from the shape of `x`, so that replaying upper blocks from a
        store is right.

        Parameters
        ----------
        index : int
            Of the block.
        x : Tensor
            Output of the block below, or of the front end.

        Returns
        -------
        Tensor
            Output of the block.
        """
        output: Tensor = self.blocks[index](x)
        return output

    def run(self, x: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Run blocks `start` to `stop` - 1.

        Parameters
        ----------
        x : Tensor [shape=(B, ...)]
            Input of block `start`.
        start, stop : int
            As in a slice.

        Returns
        -------
        x : Tensor [shape=(B, ...)]
            Output of block `stop` - 1; the input itself when there is no block to run.
        levels : Tensor [shape=(B, P), dtype=float32]
            Pooled outputs of these blocks from the record's `level_from` on, side by side;
            P = 0 when there is none.
        """
        levels = [x.new_zeros((x.shape[0], 0), dtype=torch.float32)]
        for index in range(start, stop):
            x = self.step(index, x)
            if index >= self.record.level_from:
                levels.append(self.level(index, x))
        return x, torch.cat(levels, dim=1)

    def level(self, index: int, x: Tensor) -> Tensor:
        """Give what a classifier on the levels sees of a block.

        Parameters
        ----------
        index : int
            Of the block.
        x : Tensor [shape=(B, C, T, F) or (B, T, C)]
            Its output.

        Returns
        -------
        Tensor [shape=(B, D), dtype=float32]
            `pool` of it, unless a family has more to say; D as in `level_sizes`.
        """
        return self.pool(x)

    def frames(self, x: Tensor) -> Tensor:
        """Turn a block's output into a sequence for attentive pooling.

        Parameters
        ----------
        x : Tensor [shape=(B, C, T, F) or (B, T, C)]
            Output of a block.

        Returns
        -------
        Tensor [shape=(B, T, C)]
            A map is averaged over frequency.
        """
        return x.mean(dim=3).transpose(1, 2) if x.dim() == 4 else x

    def pool(self, x: Tensor) -> Tensor:
        """Pool a block's output over all of the clip.

        Parameters
        ----------
        x : Tensor [shape=(B, C, T, F) or (B, T, C)]
            Output of a block.

        Returns
        -------
        Tensor [shape=(B, 2 C), dtype=float32]
            Mean and maximum over time and frequency.
        """
        axes = (2, 3) if x.dim() == 4 else (1,)
        x = x.float()
        return torch.cat([x.mean(dim=axes), x.amax(dim=axes)], dim=1)

    def level_sizes(self) -> list[int]:
        """Width of the pooled output of each block from the record's `level_from` on."""
        return [2 * width for width in self.widths[self.record.level_from :]]

    def class_scores(self, x: Tensor) -> Tensor:
        """Score the backbone's own classes.

        Parameters
        ----------
        x : Tensor [shape=(B, C, T, F) or (B, T, C)]
            Output of the last block.

        Returns
        -------
        Tensor [shape=(B, classes)]
            Logits, in the order of the labels kept beside the weights.

        Raises
        ------
        ValueError
            If the backbone came without a classifier.
        """
        if self.classifier is None:
            raise ValueError(f"{self.record.name} has no classifier of its own")
        scores: Tensor = self.classifier(self.frames(x).mean(dim=1))
        return scores

    @torch.no_grad()
    def recognise(self, waveform: Tensor) -> Tensor:
        """Score the backbone's own classes as its authors do.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At the record's sample rate, full scale 1.0.

        Returns
        -------
        Tensor [shape=(B, classes)]
            Probabilities; classes do not exclude each other.

        Raises
        ------
        EarwitnessError
            If the clips are too short for the backbone.
        ValueError
            If the backbone came without a classifier.
        """
        x = self.run(self.front_end(waveform), 0, len(self.blocks))[0]
        return self.class_scores(x).sigmoid()
