"""How validation clips are taken from the training folds (section ``splits``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class SplitParams:
    """Section ``splits``.

    Attributes
    ----------
    validation_fraction : float
        Share of the clips outside the test fold that validation takes, by class, in whole
        source recordings.
    """

    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
