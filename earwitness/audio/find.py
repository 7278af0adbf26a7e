"""Finding audio files where a person points at."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from earwitness.audio.names import SUFFIXES, has_suffix
from earwitness.audio.problems import printable
from earwitness.errors import EarwitnessError


def find_audio(paths: Sequence[Path]) -> list[Path]:
    """List files, and the audio files below folders.

    Parameters
    ----------
    paths : sequence of Path
        Files are taken whatever their name; folders are searched for audio files by their
        ending, hidden ones left out.

    Returns
    -------
    list of Path
        In the order given, folders sorted. Not all of them need be readable.

    Raises
    ------
    EarwitnessError
        If a path does not exist or is no file, a folder cannot be read, or nothing was found.
    """
    files: list[Path] = []
    for path in paths:
        try:
            is_folder = path.is_dir()
            if not is_folder and not path.is_file():
                how = "is a pipe or device, not a file" if path.exists() else "does not exist"
                raise EarwitnessError(f"{printable(path)} {how}")
        except OSError as error:
            raise EarwitnessError(f"{printable(path)} cannot be read: {error.strerror}") from error
        files += sorted(_below(path)) if is_folder else [path]
    if not files:
        raise EarwitnessError(
            f"no audio files below {', '.join(map(printable, paths))}: folders are searched for "
            f"names that end in {', '.join(sorted(SUFFIXES))}"
        )
    return files


def read_list(stream: BinaryIO) -> list[Path]:
    """Read paths from a stream.

    Parameters
    ----------
    stream : binary stream
        One path a line, or separated by NUL; empty ones are passed over.

    Returns
    -------
    list of Path
        As they were written.

    Raises
    ------
    EarwitnessError
        If there are none.
    """
    content = stream.read()
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    paths = [Path(os.fsdecode(line)) for line in lines if line]
    if not paths:
        raise EarwitnessError("the list on standard input is empty: give paths, one a line")
    return paths


def _below(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if has_suffix(name) and not name.startswith("."):
                yield Path(base, name)


def _refuse(error: OSError) -> None:
    """Tell of a folder that cannot be read, which os.walk would pass over."""
    raise EarwitnessError(
        f"{printable(error.filename)} cannot be read: {error.strerror}"
    ) from error
