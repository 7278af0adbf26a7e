"""The manifest: one row a clip, about the file it came from and what was done to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from earwitness.audio.dataset import Clip
from earwitness.store.atomic import open_csv


@dataclass(frozen=True)
class Facts:
    """What the manifest says of a file, beside what the data set's CSV says.

    Attributes
    ----------
    sha256 : str
        Of the file's bytes.
    sample_rate, channels, frames : int
        As decoded.
    peak, rms : float
        Of the mono waveform at its own rate and length; full scale is 1.0.
    silent_fraction : float
        Share of its samples below half a step of 16-bit audio.
    treatment : str
        What was done to it, in words.
    """

    sha256: str
    sample_rate: int
    channels: int
    frames: int
    peak: float
    rms: float
    silent_fraction: float
    treatment: str


AddRow = Callable[[Clip, Facts], object]


@contextmanager
def open_manifest(path: Path, dropped: int) -> Iterator[AddRow]:
    """Write a manifest row by row: that of a large collection is not held in memory.

    Parameters
    ----------
    path : Path
        The file to write, atomically.
    dropped : int
        Clips that were left out: the same in every row.

    Yields
    ------
    callable
        Writes the row of a clip, given what its file is like.
    """
    of_clip = [field.name for field in fields(Clip) if field.name not in {"folder", "file"}]
    of_file = [field.name for field in fields(Facts)]
    with open_csv(path, [*of_clip, *of_file, "dropped"]) as write_row:

        def add_row(clip: Clip, facts: Facts) -> None:
            known = [getattr(clip, name) for name in of_clip]
            write_row([*known, *(getattr(facts, name) for name in of_file), dropped])

        yield add_row
