"""Writing artifacts so that a reader never meets half of one.

Everything is written beside its target, flushed to disk and then renamed over it: a stage
that is killed, or finds the disk full, leaves the previous artifact, or none.
"""

import csv
import errno
import glob
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from earwitness.errors import EarwitnessError

if TYPE_CHECKING:
    import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# The disk, a quota, or a limit on the size of a file.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`, which replaces it if the block succeeds.

    Parameters
    ----------
    target : Path
        The file to write; its folder is created if need be.

    Yields
    ------
    Path
        A path that does not exist yet, in the same folder and with the same suffix. The
        block creates the file; without an exception it is flushed to disk and renamed to
        `target` (a folder of that name is replaced with all it holds), otherwise it is
        removed and `target` stays as it was.

    Raises
    ------
    EarwitnessError
        If the disk is full.
    """
    with _telling_when_full(target):
        partial = _beside(target)
        try:
            yield partial
            _flush(partial)
            _replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yield a new empty folder beside `target`, which replaces it if the block succeeds.

    Parameters
    ----------
    target : Path
        The folder to write; a folder already there is replaced with all it holds, a file too.

    Yields
    ------
    Path
        An empty folder beside `target`, removed if the block raises.

    Raises
    ------
    EarwitnessError
        If the disk is full.
    """
    with _telling_when_full(target):
        partial = _beside(target)
        try:
            partial.mkdir()
            yield partial
            for file in partial.rglob("*"):
                if file.is_file():
                    _flush(file)
            _replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def reserve_space(path: Path, size: int) -> None:
    """Take the disk space of a large file before the work on its content begins.

    A full disk is then told at once rather than after an hour. Where a file system cannot
    reserve, nothing is done, and it is told when it happens.

    Parameters
    ----------
    path : Path
        An existing file.
    size : int
        Bytes that it is going to have, at least.
    """
    if not size or not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                raise


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8 with line feeds left as they are."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, obj: Any) -> None:
    """Write `obj` to `path` atomically, as JSON in the order given.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: JSON has no word for it, and DVC would write one
        that other readers refuse.
    """
    write_text(path, json.dumps(obj, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_csv(path: Path, frame: "pd.DataFrame") -> None:
    """Write `frame` to `path` atomically, as CSV without its index.

    Text that a spreadsheet would run as a formula gets a leading apostrophe, and a carriage
    return becomes a space: file names and categories come from other people's data sets.
    """
    from pandas.api.types import is_numeric_dtype  # pandas is there: it made the frame

    safe = frame.copy()
    for column in safe.columns:
        if not is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map(_neutralise)
    write_text(path, safe.to_csv(index=False, lineterminator="\n"))


@contextmanager
def open_csv(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Iterable[Any]], object]]:
    """Write a CSV file row by row, for tables that should not be in memory as a whole.

    Parameters
    ----------
    path : Path
        The file to write, atomically.
    columns : sequence of str
        Its header.

    Yields
    ------
    callable
        Writes one row, made safe as by `write_csv`; the bytes are those it would write.
    """
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        yield lambda cells: writer.writerow([_neutralise(cell) for cell in cells])


def _neutralise(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    safe = "'" + cell if cell.startswith(FORMULA_STARTS) else cell
    # The csv module leaves a lone carriage return unquoted, and readers end the row there.
    return safe.replace("\r", " ")


@contextmanager
def _telling_when_full(target: Path) -> Iterator[None]:
    try:
        yield
    except EarwitnessError:
        raise  # told already, of the file within this block that it was
    except Exception as error:
        if not _is_full(error):
            raise
        existing = next(path for path in target.absolute().parents if path.exists())
        free = shutil.disk_usage(existing).free
        raise EarwitnessError(
            f"{target} cannot be written because the disk, or what you may use of it, is full "
            f"({free / 1e6:,.0f} MB free in {target.parent}): free some space, then run the same "
            "command again"
        ) from error


def _is_full(error: BaseException | None) -> bool:
    """Whether lack of space is behind an error, which libraries wrap in their own."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def _beside(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(target)
    name = f".{target.stem}.{os.getpid()}-{secrets.token_hex(4)}.partial{target.suffix}"
    return target.with_name(name)


def _clear_abandoned(target: Path) -> None:
    """Remove what killed processes left of this very target: it can be gigabytes."""
    for path in target.parent.glob(f".{glob.escape(target.stem)}.*.partial{target.suffix}"):
        process = path.name.removeprefix(f".{target.stem}.").partition("-")[0]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _replace(partial: Path, target: Path) -> None:
    """Rename `partial` to `target`, which may be there as a file or a folder."""
    if not (partial.is_dir() or target.is_dir()):
        partial.replace(target)
        return
    # A folder is only renamed where nothing is.
    previous = _beside(target)
    if target.exists():
        target.rename(previous)
    try:
        partial.rename(target)
    except OSError:
        if previous.exists():
            previous.rename(target)
        raise
    if previous.is_dir() and not previous.is_symlink():
        shutil.rmtree(previous, ignore_errors=True)
    else:
        previous.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
