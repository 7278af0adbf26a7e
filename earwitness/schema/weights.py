"""Where pretrained weights are looked for (section ``weights``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class WeightsParams:
    """Section ``weights``.

    Attributes
    ----------
    incoming : str
        Folder where a person puts files that cannot be downloaded. The environment
        variable EARWITNESS_WEIGHTS names another folder, looked at first.
    sha256 : dict of str to str
        By backbone, the SHA-256 of a published file whose record pins none, in hexadecimal:
        whoever writes it here vouches for that file.
    """

    incoming: str
    sha256: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
