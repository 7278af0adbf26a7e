"""Arrays in HDF5 files that are byte-identical on a re-run and never read half-written.

Arrays are contiguous and uncompressed: reading one clip of a chunked or compressed array
costs up to a hundred times more. No time stamps are kept and space is reserved in a fixed
order, so that DVC sees the same file when the content is the same.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from earwitness.errors import EarwitnessError
from earwitness.store.atomic import atomic_path, reserve_space

COMPLETE = "complete"

Attribute = str | int | float
Spec = tuple[tuple[int, ...], npt.DTypeLike]

# HDF5 holds small writes back and then fails at closing a file on a full disk, again and again
# and up to a crash. Without its buffer the write itself fails.
UNBUFFERED = "earwitness-unbuffered"


def _set_unbuffered(access: Any) -> None:
    access.set_fapl_sec2()
    access.set_sieve_buf_size(0)


h5py.register_driver(UNBUFFERED, _set_unbuffered)


class ArrayWriter:
    """Write a fixed set of arrays to one HDF5 file, atomically.

    Use it as a context manager: the file appears at `path` when the block ends without an
    exception, and not at all otherwise.

    Parameters
    ----------
    path : Path
        The file to write.
    arrays : mapping of str to (tuple of int, dtype)
        Shape and type of each array. Values that are never written are zero.
    attrs : mapping of str to str, int or float
        Attributes of the file.
    """

    def __init__(
        self, path: Path, arrays: Mapping[str, Spec], attrs: Mapping[str, Attribute]
    ) -> None:
        self._path = path
        self._arrays = dict(arrays)
        self._attrs = dict(attrs)
        self._stack = ExitStack()
        self._file: Any = None

    def __enter__(self) -> Self:
        """Create the temporary file with space for every array."""
        with ExitStack() as stack:
            partial = stack.enter_context(atomic_path(self._path))
            self._file = stack.enter_context(h5py.File(partial, "w-", driver=UNBUFFERED))
            for name, value in self._attrs.items():
                self._file.attrs[name] = value
            for name, (shape, dtype) in self._arrays.items():
                self._reserve(name, shape, dtype)
            reserve_space(partial, sum(array.nbytes for array in self._file.values()))
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Mark the file complete and put it in place, or remove it after an exception."""
        self._stack.__exit__(kind, error, trace)

    def write(self, name: str, index: Any, values: npt.ArrayLike) -> None:
        """Write `values` at `index` (an int, a slice or a tuple of them) of array `name`."""
        self._file[name][index] = values

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._file.flush()
            self._file.attrs[COMPLETE] = 1

    def _reserve(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if 0 not in shape:
            # Space is taken now, not at the first write, so that the order of the writes
            # does not show in the file.
            properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        self._file.create_dataset(
            name, shape=shape, dtype=np.dtype(dtype), track_times=False, dcpl=properties
        )


class ArrayReader:
    """Read the arrays of a file that `ArrayWriter` completed.

    The file is opened at the first use, in each process anew: a reader can be pickled and
    survives a fork.

    Parameters
    ----------
    path : Path
        The file to read; never written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: Any = None
        self._process = 0

    def __enter__(self) -> Self:
        """Open the file."""
        self._open()
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the handle behind: another process must open its own."""
        return {"path": self.path, "_handle": None, "_process": 0}

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._handle is not None and self._process == os.getpid():
            self._handle.close()
        self._handle = None

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the file, as plain Python values, without the completion mark."""
        return {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self._open().attrs.items()
            if name != COMPLETE
        }

    @property
    def names(self) -> list[str]:
        """Names of the arrays, sorted."""
        return sorted(self._open())

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of array `name`."""
        return tuple(self._array(name).shape)

    def read(self, name: str, rows: npt.ArrayLike | None = None) -> npt.NDArray[Any]:
        """Read array `name`, whole or some of its items.

        Parameters
        ----------
        name : str
            Name of the array.
        rows : array_like of int, optional
            Shape (n,): indices on the first axis. Shape (n, k): indices on the first k
            axes, e.g. (view, clip). Any order, repeats allowed.

        Returns
        -------
        np.ndarray
            The whole array, or (n, ...) with the items in the order of `rows`.

        Raises
        ------
        EarwitnessError
            If the file is missing, incomplete or has no such array.
        IndexError
            If an index is negative or too large.
        """
        array = self._array(name)
        if rows is None:
            whole: npt.NDArray[Any] = array[()]
            return whole
        places = np.asarray(rows, dtype=np.int64)
        places = places[:, None] if places.ndim == 1 else places
        axes = places.shape[1]
        if ((places < 0) | (places >= array.shape[:axes])).any():
            raise IndexError(f"rows of {name} out of range for shape {array.shape}")
        items = np.empty((len(places), *array.shape[axes:]), dtype=array.dtype)
        # Item by item: h5py's fancy indexing is slower and wants sorted, distinct rows.
        for position, place in enumerate(places.tolist()):
            items[position] = array[tuple(place)]
        return items

    def _array(self, name: str) -> Any:
        file = self._open()
        if name not in file:
            raise EarwitnessError(
                f"{self.path} has no array {name!r} (it has {', '.join(file)}): "
                "run `dvc repro` again"
            )
        return file[name]

    def _open(self) -> Any:
        if self._handle is not None and self._process == os.getpid():
            return self._handle
        if not self.path.exists():
            raise EarwitnessError(f"{self.path} does not exist: run `dvc repro`")
        try:
            # Best effort: some network file systems have no locks.
            handle = h5py.File(self.path, "r", locking="best-effort")
        except OSError as error:
            raise EarwitnessError(
                f"{self.path} is not a readable HDF5 file ({error}): run `dvc repro` again"
            ) from error
        if COMPLETE not in handle.attrs:
            handle.close()
            raise EarwitnessError(f"{self.path} is incomplete: run `dvc repro` again")
        self._handle, self._process = handle, os.getpid()
        return handle
