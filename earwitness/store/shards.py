"""Dividing the arrays of a large collection among files of a fixed number of clips."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earwitness.errors import EarwitnessError
from earwitness.store.atomic import write_json
from earwitness.store.files import Spec, open_complete

INDEX = "index.json"
# Some 3 GB of audio or activations a file: small enough to copy, hash and fetch again one by
# one, large enough that two million clips are a few hundred files.
CLIPS_PER_SHARD = 8192

Piece = tuple[int, tuple[Any, ...], npt.NDArray[Any]]


@dataclass(frozen=True)
class Division:
    """How arrays with one clip axis are divided: shard s holds clips s * size to (s + 1) * size.

    Attributes
    ----------
    axis : int
        The axis that counts clips, in every array.
    clips : int
        Clips in all.
    clips_per_shard : int
        Clips in each shard but the last.
    """

    axis: int
    clips: int
    clips_per_shard: int

    @property
    def shards(self) -> int:
        """Number of files."""
        return -(-self.clips // self.clips_per_shard)

    def name(self, shard: int) -> str:
        """File of a shard, in the folder of the store."""
        return f"{shard:05d}.h5"

    def shape(self, whole: tuple[int, ...], shard: int) -> tuple[int, ...]:
        """Shape of a shard's part of an array."""
        start = shard * self.clips_per_shard
        clips = min(self.clips_per_shard, self.clips - start)
        return (*whole[: self.axis], clips, *whole[self.axis + 1 :])

    def specs(self, arrays: Mapping[str, Spec], shard: int) -> dict[str, Spec]:
        """Shape and type of a shard's part of each array."""
        return {name: (self.shape(shape, shard), dtype) for name, (shape, dtype) in arrays.items()}

    def locate(self, place: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """Shard of a place that names a clip, and the place within it."""
        shard, clip = divmod(place[self.axis], self.clips_per_shard)
        return shard, (*place[: self.axis], clip, *place[self.axis + 1 :])

    def pieces(
        self, index: tuple[Any, ...], shape: tuple[int, ...], values: npt.ArrayLike
    ) -> Iterator[Piece]:
        """Cut a write into one a shard.

        Parameters
        ----------
        index : tuple of int or slice
            Where to write, in the whole array; slices have step 1.
        shape : tuple of int
            Of the whole array.
        values : array_like
            What to write, broadcast to the selection.

        Yields
        ------
        shard : int
            Number of the shard.
        index : tuple of int or slice
            Where to write in it.
        values : np.ndarray
            The part that goes there.
        """
        index = (*index, *[slice(None)] * (self.axis + 1 - len(index)))
        if not isinstance(index[self.axis], slice):
            clip = range(self.clips)[index[self.axis]]
            shard, within = divmod(clip, self.clips_per_shard)
            yield shard, self._at(index, within), np.asarray(values)
            return
        spans = [
            range(*entry.indices(size)) if isinstance(entry, slice) else None
            for entry, size in zip(index, shape, strict=False)
        ]
        selection = [len(span) for span in spans if span is not None] + [*shape[len(index) :]]
        whole = np.broadcast_to(np.asarray(values), selection)
        before = sum(span is not None for span in spans[: self.axis])
        first, stop, _ = index[self.axis].indices(self.clips)
        clip = first
        while clip < stop:
            shard, within = divmod(clip, self.clips_per_shard)
            end = min(stop, (shard + 1) * self.clips_per_shard)
            part = (slice(None),) * before + (slice(clip - first, end - first),)
            yield shard, self._at(index, slice(within, within + end - clip)), whole[part]
            clip = end

    def _at(self, index: tuple[Any, ...], clip: int | slice) -> tuple[Any, ...]:
        return (*index[: self.axis], clip, *index[self.axis + 1 :])


def divide(arrays: Mapping[str, tuple[int, ...]], axis: int | None) -> Division | None:
    """Decide whether a store is divided.

    Parameters
    ----------
    arrays : mapping of str to tuple of int
        Shape of each array.
    axis : int or None
        The axis that counts clips; None for a store that is never divided.

    Returns
    -------
    Division or None
        None when one file holds all.

    Raises
    ------
    ValueError
        If the arrays differ in their number of clips.
    """
    if axis is None:
        return None
    counts = {shape[axis] for shape in arrays.values()}
    if len(counts) != 1:
        raise ValueError(f"arrays of one store have different numbers of clips: {sorted(counts)}")
    division = Division(axis, counts.pop(), CLIPS_PER_SHARD)
    return division if division.shards > 1 else None


def write_index(folder: Path, division: Division) -> None:
    """Write the index of a divided store: the last of its files."""
    write_json(folder / INDEX, asdict(division))


def read_index(folder: Path) -> Division:
    """Read the index of a divided store.

    Raises
    ------
    EarwitnessError
        If it is missing or says something else.
    """
    try:
        content = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        division = Division(**{name: int(value) for name, value in content.items()})
    except FileNotFoundError as error:
        raise EarwitnessError(f"{folder} is incomplete: run `dvc repro` again") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EarwitnessError(
            f"{folder / INDEX} is not the index of a store ({error}): run `dvc repro` again"
        ) from error
    return division


def open_shard(store: Path, division: Division | None, shard: int) -> Any:
    """Open one file of a store for reading.

    Parameters
    ----------
    store : Path
        The file or folder.
    division : Division or None
        As `read_index` gave it; None for a single file.
    shard : int
        Number of the file, 0 for a single one.

    Returns
    -------
    h5py.File
        Complete, and as long as the index says.

    Raises
    ------
    EarwitnessError
        If it is missing, damaged, incomplete or of another division.
    """
    if division is None:
        return open_complete(store)
    path = store / division.name(shard)
    file = open_complete(path)
    if any(array.shape != division.shape(array.shape, shard) for array in file.values()):
        file.close()
        raise EarwitnessError(f"{path} does not fit the index beside it: run `dvc repro` again")
    return file
