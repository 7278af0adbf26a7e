"""Shape of the spectrogram CNN (``train.spec_cnn.net``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class NetParams:
    """Shape of `earwitness.nets.spec_cnn.SpecCnn`.

    Attributes
    ----------
    widths : tuple of int
        Channels of each stage; every stage but the first halves both axes.
    blocks : int
        Residual blocks a stage.
    se_reduction : int
        Squeeze-and-excitation bottleneck divisor (Hu et al. 2018).
    stem_stride : {1, 2}
        Of both axes, in the first convolution.
    downsample : {"stride", "average"}
        How stages halve the axes: in their first convolution, or by an average before it.
    residual : bool
        Whether blocks have shortcuts.
    pooling : {"mean", "mean_max"}
        Over time, before the classifier.
    dropout : float
        Before the classifier.
    """

    widths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=8)
    ]
    blocks: Annotated[int, Field(ge=1, le=64)]
    se_reduction: Annotated[int, Field(ge=1)]
    stem_stride: Literal[1, 2]
    downsample: Literal["stride", "average"]
    residual: bool
    pooling: Literal["mean", "mean_max"]
    dropout: Annotated[float, Field(ge=0, lt=1)]
