"""Where the data set is and what to do when part of it is missing (section ``data``)."""

from typing import Literal

from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class DataParams:
    """Section ``data``.

    Attributes
    ----------
    name : str
        Name of the data set, for reports.
    root : str
        Folder with the clips and their CSV, relative to the repository.
    url : str
        Archive to download when `root` does not exist.
    sha256 : str
        SHA-256 of that archive; empty to accept any, with a warning.
    on_bad : {"fail", "drop"}
        Whether missing, duplicate or undecodable clips are an error or left out.
    """

    name: str
    root: str
    url: str
    sha256: str
    on_bad: Literal["fail", "drop"]
