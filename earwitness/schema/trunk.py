"""The store of frozen activations (section ``trunk``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

NonNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=STRICT)
class TrunkParams:
    """Section ``trunk``.

    Attributes
    ----------
    views : int
        How many versions of each clip are stored: the clip itself and ``views - 1``
        randomly altered waveforms.
    roll_seconds : float
        Largest circular shift of an altered waveform, either way.
    gain_db : float
        Largest gain or attenuation.
    noise : float
        Largest standard deviation of added white noise, relative to full scale.
    batch_size : int
        Clips per forward pass.
    dtype : {"float16", "float32"}
        Stored type of the boundary activations.
    """

    views: Annotated[int, Field(ge=1, le=64)]
    roll_seconds: NonNegative
    gain_db: NonNegative
    noise: NonNegative
    batch_size: Annotated[int, Field(ge=1)]
    dtype: Literal["float16", "float32"]
