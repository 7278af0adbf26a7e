"""Where pretrained weights are looked for (section ``weights``)."""

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
    """

    incoming: str
