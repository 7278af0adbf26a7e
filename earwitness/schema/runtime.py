"""Device, precision and threads (section ``runtime``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class RuntimeParams:
    """Section ``runtime``.

    Attributes
    ----------
    device : str
        "auto" (CUDA when there is one, else CPU), "cpu", "cuda" or "cuda:<n>".
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of training. "auto" is bfloat16 where the hardware has it, else float32.
        Predictions are always computed in float32.
    threads : int
        CPU threads of a stage; 0 for one a core. Results are bit-identical for the same
        number only.
    memory_gb : float
        Memory, in 1e9 bytes, for the stored features or activations of one training stage.
        What does not fit is read from the disk clip by clip, to the same bits.
    """

    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    precision: Literal["auto", "float32", "bfloat16"]
    threads: Annotated[int, Field(ge=0)]
    memory_gb: Annotated[float, Field(ge=0)]
