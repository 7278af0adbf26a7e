"""Metrics and plots (section ``evaluate``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class EvaluateParams:
    """Section ``evaluate``.

    Attributes
    ----------
    ece_bins : int
        Equal-width confidence bins of the expected calibration error (Guo et al. 2017).
    """

    ece_bins: Annotated[int, Field(ge=1)]
