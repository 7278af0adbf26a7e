"""What an exported file says of itself."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT
from earwitness.schema.prepare import RATES

# Of the keys below; raised when a reader of the old ones would go wrong.
VERSION: Literal[1] = 1
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Rate = Annotated[int, Field(ge=RATES[0], le=RATES[1])]


@dataclass(frozen=True, config=STRICT)
class Facts:
    """What stands beside the numbers in every file, under these names.

    Attributes
    ----------
    earwitness : int
        Version of this list.
    model : str
        The member's name, or "ensemble".
    fold : int
        The test fold: clips of it are in no training set.
    sample_rates : tuple of int
        Rate of each input in Hz, in their order. An input is called ``waveform_<rate>``.
    seconds : float
        Length of the clips.
    resampler : str
        soxr quality with which training clips were resampled.
    classes : tuple of str
        Categories, in the order of the output.
    targets : tuple of int
        Their numbers in the data set.
    output : {"logits", "log_probabilities"}
        A member's logits become calibrated ones when divided by its temperature; an
        ensemble's log-probabilities are final.
    temperatures : dict of str to float
        Of the members, as fitted with the ensemble.
    weights : dict of str to float
        Of the members within an ensemble; empty in a member's file.
    tta_shifts_seconds : tuple of float
        Time shifts within the file over which logits are averaged; 0.0 is the clip itself.
    """

    earwitness: Literal[1]
    model: str
    fold: int
    sample_rates: Annotated[tuple[Rate, ...], Field(min_length=1, max_length=16)]
    seconds: Annotated[float, Field(gt=0, le=3600)]
    resampler: Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    targets: tuple[int, ...]
    output: Literal["logits", "log_probabilities"]
    temperatures: dict[str, Positive]
    weights: dict[str, Number]
    tta_shifts_seconds: tuple[Number, ...]

    def __post_init__(self) -> None:
        """Check what no single field can tell."""
        if len(self.targets) != len(self.classes):
            raise ValueError(f"{len(self.targets)} targets for {len(self.classes)} classes")
        if self.output == "logits" and self.model not in self.temperatures:
            raise ValueError(f"no temperature of {self.model}")

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, in the order of `sample_rates`."""
        return [f"waveform_{rate}" for rate in self.sample_rates]

    def samples(self, rate: int) -> int:
        """Count the samples of a clip at a rate."""
        return round(self.seconds * rate)


ADAPTER = TypeAdapter(Facts)
TEXTS = ("model", "resampler", "output")


def as_json(facts: Facts) -> dict[str, Any]:
    """Give the facts as a JSON-serialisable dictionary."""
    content: dict[str, Any] = ADAPTER.dump_python(facts, mode="json")
    return content


def as_properties(facts: Facts) -> dict[str, str]:
    """Give the facts as texts, for ONNX's ``metadata_props``: JSON, but plain where texts."""
    return {
        key: value if key in TEXTS else json.dumps(value, ensure_ascii=False)
        for key, value in as_json(facts).items()
    }


def from_properties(properties: Mapping[str, str]) -> Facts:
    """Read what `as_properties` wrote.

    Parameters
    ----------
    properties : mapping of str to str
        Of a file from anywhere.

    Returns
    -------
    Facts
        Checked by type and range.

    Raises
    ------
    ValueError
        If anything is missing, unknown or wrong.
    """
    content = {
        key: value if key in TEXTS else json.loads(value) for key, value in properties.items()
    }
    return ADAPTER.validate_json(json.dumps(content))
