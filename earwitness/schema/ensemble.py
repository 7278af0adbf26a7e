"""Fitting the ensemble (section ``ensemble``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class EnsembleParams:
    """Section ``ensemble``.

    Attributes
    ----------
    l2 : float
        Penalty on the squared distance of the weights from uniform ones, per clip of NLL.
    """

    l2: Annotated[float, Field(ge=0)]
