"""Finding audio files where a person points at."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from earwitness.audio.names import SUFFIXES, has_suffix
from earwitness.audio.problems import printable, tell_unusable
from earwitness.errors import EarwitnessError

FOLDER, FILE = "folder", "file"


def find_audio(paths: Sequence[str], on_bad: Literal["fail", "drop"] = "fail") -> list[str]:
    """List files, and the audio files below folders.

    Parameters
    ----------
    paths : sequence of str
        Files are taken whatever their name; folders are searched for audio files by their
        ending, hidden ones left out.
    on_bad : {"fail", "drop"}
        Whether paths that are neither files nor folders are an error, which names them all, or
        listed like the others, for whoever reads them to leave out.

    Returns
    -------
    list of str
        In the order given, and as they were given; those of a folder sorted. Not all of them
        need be readable.

    Raises
    ------
    EarwitnessError
        If a path does not exist or is no file, a folder cannot be read, or nothing was found.
    """
    files: list[str] = []
    problems: list[str] = []
    for path in paths:
        kind = _kind(path)
        files += map(str, sorted(_below(path))) if kind == FOLDER else [path]
        if kind not in (FOLDER, FILE):
            problems.append(f"{printable(path)} {kind}")
    if problems and on_bad == "fail":
        raise EarwitnessError(tell_unusable(problems, len(files)))
    if not files:
        raise EarwitnessError(
            f"no audio files below {', '.join(map(printable, paths))}: folders are searched for "
            f"names that end in {', '.join(sorted(SUFFIXES))}"
        )
    return files


def _kind(path: str) -> str:
    """Tell files from folders, and what is wrong with anything else."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if stat.S_ISDIR(mode):
        return FOLDER
    return FILE if stat.S_ISREG(mode) else "is a pipe or device, not a file"


def read_list(stream: BinaryIO) -> list[str]:
    """Read paths from a stream.

    Parameters
    ----------
    stream : binary stream
        One path a line, or separated by NUL; empty ones are passed over.

    Returns
    -------
    list of str
        As they were written.

    Raises
    ------
    EarwitnessError
        If there are none.
    """
    content = stream.read()
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    paths = [os.fsdecode(line) for line in lines if line]
    if not paths:
        raise EarwitnessError("the list on standard input is empty: give paths, one a line")
    return paths


def _below(folder: str) -> Iterator[Path]:
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
