"""Models as single files (section ``export``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

Format = Literal["onnx", "torch_export", "torchscript"]


@dataclass(frozen=True, config=STRICT)
class ExportParams:
    """Section ``export``.

    Attributes
    ----------
    fold : int or None
        Whose models; None is the first of ``folds``.
    formats : tuple of {"onnx", "torch_export", "torchscript"}
        What is written beside safetensors and JSON, which are always there.
    time_shifts : bool
        Whether the ensemble's file averages over the time shifts it was fitted with, as
        `predict` does; without them it takes a fraction of the time.
    clips : int
        Test clips on which each file is compared with the model.
    tolerance : float
        Largest difference of a logit; a file that differs by more is not kept.
    """

    fold: int | None
    formats: tuple[Format, ...]
    time_shifts: bool
    clips: Annotated[int, Field(ge=1)]
    tolerance: Annotated[float, Field(gt=0)]

    def __post_init__(self) -> None:
        """Check what no single field can tell."""
        if len(set(self.formats)) < len(self.formats):
            raise ValueError(f"formats lists one twice: {', '.join(self.formats)}")
