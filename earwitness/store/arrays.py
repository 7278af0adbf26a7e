"""Arrays in HDF5 files that are byte-identical on a re-run and never read half-written.

Arrays are contiguous and uncompressed: reading one clip of a chunked or compressed array
costs up to a hundred times more. No time stamps are kept and space is reserved in a fixed
order, so that DVC sees the same file when the content is the same.

A store is one file, or, when its clips are more than `shards.CLIPS_PER_SHARD`, a folder of
that name with a file for every so many clips and an index. Writer and reader hide the
difference, which no bit of an array depends on.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from earwitness.errors import EarwitnessError
from earwitness.store.atomic import atomic_directory, atomic_path
from earwitness.store.files import (
    COMPLETE,
    UNBUFFERED,
    Attribute,
    OpenFiles,
    Spec,
    create_file,
    mark_complete,
)
from earwitness.store.shards import Division, divide, open_shard, read_index, write_index


class ArrayWriter:
    """Write a fixed set of arrays to one store, atomically.

    Use it as a context manager: the store appears at `path` when the block ends without an
    exception, and not at all otherwise.

    Parameters
    ----------
    path : Path
        The file or folder to write.
    arrays : mapping of str to (tuple of int, dtype)
        Shape and type of each array. Values that are never written are zero.
    attrs : mapping of str to str, int or float
        Attributes of the store.
    clip_axis : int, optional
        The axis that counts clips, in every array: along it a large store is divided. Without
        it the store is one file.
    """

    def __init__(
        self,
        path: Path,
        arrays: Mapping[str, Spec],
        attrs: Mapping[str, Attribute],
        clip_axis: int | None = None,
    ) -> None:
        self._path = path
        self._arrays = dict(arrays)
        self._attrs = dict(attrs)
        shapes = {name: shape for name, (shape, _) in self._arrays.items()}
        self._division = divide(shapes, clip_axis)
        self._stack = ExitStack()
        self._partial = path
        self._files = OpenFiles(self._open_or_create)

    def __enter__(self) -> Self:
        """Create what is renamed to `path` in the end, with space for the first clips."""
        make = atomic_path if self._division is None else atomic_directory
        with ExitStack() as stack:
            self._partial = stack.enter_context(make(self._path))
            stack.callback(self._files.close)
            self._files.file(0)
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Mark the store complete and put it in place, or remove it after an exception."""
        self._stack.__exit__(kind, error, trace)

    def write(self, name: str, index: Any, values: npt.ArrayLike) -> None:
        """Write `values` at `index` (an int, a slice or a tuple of them) of array `name`."""
        if self._division is None:
            self._files.arrays(0)[name][index] = values
            return
        index = index if isinstance(index, tuple) else (index,)
        for shard, within, part in self._division.pieces(index, self._arrays[name][0], values):
            self._files.arrays(shard)[name][within] = part

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        for shard in range(self._division.shards if self._division else 1):
            mark_complete(self._files.file(shard))
        self._files.close()
        if self._division is not None:
            write_index(self._partial, self._division)

    def _open_or_create(self, shard: int) -> Any:
        division = self._division
        path = self._partial if division is None else self._partial / division.name(shard)
        if path.exists():
            return h5py.File(path, "r+", driver=UNBUFFERED)
        arrays = self._arrays if division is None else division.specs(self._arrays, shard)
        return create_file(path, arrays, self._attrs)


class ArrayReader:
    """Read the arrays of a store that `ArrayWriter` completed.

    Files are opened at the first use, in each process anew: a reader can be pickled and
    survives a fork. A few of a divided store's files are open at a time. One thread at a
    time may read.

    Parameters
    ----------
    path : Path
        The file or folder to read; never written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._division: Division | None = None
        self._files: OpenFiles | None = None
        self._process = 0

    def __enter__(self) -> Self:
        """Open the store."""
        self._open().file(0)
        return self

    def __exit__(self, *error: object) -> None:
        """Close the store."""
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the handles behind: another process must open its own."""
        return {"path": self.path, "_division": None, "_files": None, "_process": 0}

    def close(self) -> None:
        """Close the store; the next use opens it again."""
        if self._files is not None and self._process == os.getpid():
            self._files.close()
        self._files = None

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the store, as plain Python values, without the completion mark."""
        return {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self._open().file(0).attrs.items()
            if name != COMPLETE
        }

    @property
    def names(self) -> list[str]:
        """Names of the arrays, sorted."""
        return sorted(self._open().arrays(0))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of array `name`."""
        shape = tuple(self._array(name).shape)
        if self._division is None:
            return shape
        axis = self._division.axis
        return (*shape[:axis], self._division.clips, *shape[axis + 1 :])

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type of array `name`."""
        dtype: np.dtype[Any] = self._array(name).dtype
        return dtype

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
            If the store is missing, incomplete or has no such array.
        IndexError
            If an index is negative or too large.
        """
        shape = self.shape(name)
        if rows is None:
            return self._item(name, ())
        places = np.asarray(rows, dtype=np.int64)
        places = places[:, None] if places.ndim == 1 else places
        axes = places.shape[1]
        if ((places < 0) | (places >= shape[:axes])).any():
            raise IndexError(f"rows of {name} out of range for shape {shape}")
        items = np.empty((len(places), *shape[axes:]), dtype=self.dtype(name))
        # Item by item: h5py's fancy indexing is slower and wants sorted, distinct rows.
        for position, place in enumerate(places.tolist()):
            items[position] = self._item(name, tuple(place))
        return items

    def _item(self, name: str, place: tuple[int, ...]) -> npt.NDArray[Any]:
        files, division = self._open(), self._division
        if division is None:
            item: npt.NDArray[Any] = files.arrays(0)[name][place]
            return item
        if len(place) > division.axis:
            shard, within = division.locate(place)
            item = files.arrays(shard)[name][within]
            return item
        parts = [files.arrays(shard)[name][place] for shard in range(division.shards)]
        return np.concatenate(parts, axis=division.axis - len(place))

    def _array(self, name: str) -> Any:
        arrays = self._open().arrays(0)
        if name not in arrays:
            raise EarwitnessError(
                f"{self.path} has no array {name!r} (it has {', '.join(arrays)}): "
                "run `dvc repro` again"
            )
        return arrays[name]

    def _open(self) -> OpenFiles:
        if self._files is None or self._process != os.getpid():
            self._division = read_index(self.path) if self.path.is_dir() else None
            self._files = OpenFiles(partial(open_shard, self.path, self._division))
            self._process = os.getpid()
        return self._files
