"""Which models are trained (section ``model``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


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
    """

    networks: tuple[str, ...]
    backbones: tuple[str, ...]
    unfreeze_last_n: Annotated[int, Field(ge=0)]
