"""Decoding and resampling (section ``prepare``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

# Sample rates that are taken, in Hz.
RATES = (1_000, 384_000)


@dataclass(frozen=True, config=STRICT)
class PrepareParams:
    """Section ``prepare``.

    Attributes
    ----------
    seconds : float
        Length every clip is trimmed or padded to, around its centre, after resampling.
    resampler : str
        soxr quality.
    """

    seconds: Annotated[float, Field(gt=0, le=3600)]
    resampler: Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]
