"""Shape of the waveform encoder (``train.conv1d.net``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

PositiveInts = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class NetParams:
    """Shape of `earwitness.nets.conv1d.Conv1d`.

    Attributes
    ----------
    widths, kernels, strides : tuple of int
        Channels, taps and step of each convolution, from the waveform upwards.
    attention_hidden : int
        Hidden units of the attentive pooling.
    dropout : float
        Before the classifier.
    """

    widths: PositiveInts
    kernels: PositiveInts
    strides: PositiveInts
    attention_hidden: Annotated[int, Field(ge=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def __post_init__(self) -> None:
        """Check that the lists describe the same convolutions."""
        if not len(self.widths) == len(self.kernels) == len(self.strides):
            raise ValueError(
                f"widths, kernels and strides have {len(self.widths)}, {len(self.kernels)} and "
                f"{len(self.strides)} entries, and need one each for every convolution"
            )
