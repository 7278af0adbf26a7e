"""Inference and test-time augmentation (section ``predict``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class PredictParams:
    """Section ``predict``.

    Attributes
    ----------
    tta_shifts_seconds : tuple of float
        Circular shifts over which logits are averaged: of the frames that a network reads, of
        the waveform that a backbone reads.
    batch_size : int
        Clips per forward pass.
    """

    tta_shifts_seconds: tuple[float, ...]
    batch_size: Annotated[int, Field(ge=1)]

    def __post_init__(self) -> None:
        """Check what no single field can tell."""
        if not self.tta_shifts_seconds:
            raise ValueError("tta_shifts_seconds needs at least one shift (0.0 is the clip itself)")
