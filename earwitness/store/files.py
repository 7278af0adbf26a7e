"""HDF5 files: made with space for their arrays, marked when complete, few open at a time."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from earwitness.errors import EarwitnessError
from earwitness.store.atomic import reserve_space

COMPLETE = "complete"
# More open files would only save openings (about a millisecond each) in random reads.
MOST_OPEN = 32

Attribute = str | int | float
Spec = tuple[tuple[int, ...], npt.DTypeLike]

# HDF5 holds small writes back and then fails at closing a file on a full disk, again and again
# and up to a crash. Without its buffer the write itself fails.
UNBUFFERED = "earwitness-unbuffered"


def _set_unbuffered(access: Any) -> None:
    access.set_fapl_sec2()
    access.set_sieve_buf_size(0)


h5py.register_driver(UNBUFFERED, _set_unbuffered)


def create_file(path: Path, arrays: Mapping[str, Spec], attrs: Mapping[str, Attribute]) -> Any:
    """Create a file with space for every array, and leave it open for writing.

    Parameters
    ----------
    path : Path
        Where no file is yet.
    arrays : mapping of str to (tuple of int, dtype)
        Shape and type of each array.
    attrs : mapping of str to str, int or float
        Attributes of the file.

    Returns
    -------
    h5py.File
        Not complete: `mark_complete` says so in the end.
    """
    file = h5py.File(path, "w-", driver=UNBUFFERED)
    try:
        for name, value in attrs.items():
            file.attrs[name] = value
        for name, (shape, dtype) in arrays.items():
            _reserve(file, name, shape, dtype)
        reserve_space(path, sum(array.nbytes for array in file.values()))
        # Here already, so that all space is taken when the file is made: it may be closed and
        # opened again while it is written, and that does not show in its bytes.
        file.attrs[COMPLETE] = 0
    except BaseException:
        file.close()
        raise
    return file


def mark_complete(file: Any) -> None:
    """Say that all of a file's values are written."""
    file.flush()
    file.attrs.modify(COMPLETE, 1)


def open_complete(path: Path) -> Any:
    """Open a file for reading.

    Raises
    ------
    EarwitnessError
        If it is missing, not HDF5 or not complete.
    """
    if not path.exists():
        raise EarwitnessError(f"{path} does not exist: run `dvc repro`")
    try:
        # Best effort: some network file systems have no locks.
        handle = h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        raise EarwitnessError(
            f"{path} is not a readable HDF5 file ({error}): run `dvc repro` again"
        ) from error
    if not handle.attrs.get(COMPLETE, 0):
        handle.close()
        raise EarwitnessError(f"{path} is incomplete: run `dvc repro` again")
    return handle


def _reserve(file: Any, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if 0 not in shape:
        # Space is taken now, not at the first write, so that the order of the writes does
        # not show in the file.
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    file.create_dataset(
        name, shape=shape, dtype=np.dtype(dtype), track_times=False, dcpl=properties
    )


class OpenFiles:
    """HDF5 files by number, opened when they are needed; the few used last stay open.

    Parameters
    ----------
    open_file : callable
        Opens the file of a number.
    """

    def __init__(self, open_file: Callable[[int], Any]) -> None:
        self._open_file = open_file
        # The arrays are looked up once: by name, that takes as long as reading a clip.
        self._open: OrderedDict[int, tuple[Any, dict[str, Any]]] = OrderedDict()

    def file(self, number: int) -> Any:
        """Return the open file of a number."""
        return self._get(number)[0]

    def arrays(self, number: int) -> dict[str, Any]:
        """Return the arrays of the file of a number."""
        return self._get(number)[1]

    def close(self) -> None:
        """Close them all; they open again when they are needed."""
        while self._open:
            self._open.popitem()[1][0].close()

    def _get(self, number: int) -> tuple[Any, dict[str, Any]]:
        if number not in self._open:
            while len(self._open) >= MOST_OPEN:
                self._open.popitem(last=False)[1][0].close()
            file = self._open_file(number)
            self._open[number] = (file, {name: file[name] for name in file})
        self._open.move_to_end(number)
        return self._open[number]
