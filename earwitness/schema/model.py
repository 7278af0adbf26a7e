"""Which models are trained (section ``model``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

Layers = Literal["weighted", "last"]


@dataclass(frozen=True, config=STRICT)
class ModelParams:
    """Section ``model``.

    Attributes
    ----------
    networks : tuple of str
        Networks trained from scratch (stage ``train``).
    backbones : tuple of str
        Pretrained backbones (stages ``weights``, ``trunk``, ``finetune``).
    unfreeze_last_n : int
        How many blocks of each backbone are fine-tuned; 0 is the frozen baseline.
    layers : {"weighted", "last"}
        What a head sees of a backbone.

        ``weighted``: the pooled outputs of all levels side by side, on which the frozen
        baseline is fitted and from which fine-tuning starts. Beside them, a convolutional
        network (whose levels differ in width) has its last block, attended; a transformer
        has a sum over all of its layers, weighted by a learned softmax.

        ``last``: the last block alone, pooled and attended, in both families.
    """

    networks: tuple[str, ...]
    backbones: tuple[str, ...]
    unfreeze_last_n: Annotated[int, Field(ge=0)]
    layers: Layers
