"""Shape of BC-ResNet (``train.bc_resnet.net``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

PositiveInt = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=STRICT)
class NetParams:
    """Shape of the networks of `earwitness.nets.bc_resnet`.

    Attributes
    ----------
    variant : {"broadcast", "se"}
        The published network (Kim et al. 2021), or what the notebook went by that name:
        depthwise blocks with squeeze-and-excitation.
    scale : int
        Width: 8 is BC-ResNet-8. Channels are multiples of 8 times the scale (broadcast), or of
        5 times the scale (se).
    sub_bands : int
        Of the sub-spectral normalisation (broadcast alone). They divide the rows of every stage:
        a half, a half, a quarter, an eighth and an eighth of the mel bands.
    se_reduction : int
        Squeeze-and-excitation bottleneck divisor (se alone).
    dropout : float
        Of channels in every block (broadcast), or before the classifier (se).
    """

    variant: Literal["broadcast", "se"]
    scale: PositiveInt
    sub_bands: PositiveInt
    se_reduction: PositiveInt
    dropout: Annotated[float, Field(ge=0, lt=1)]
