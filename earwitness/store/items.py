"""Items of stored arrays: in memory when they fit, else read one by one."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from earwitness.store.arrays import ArrayReader

IntArray = npt.NDArray[np.int64]


class Items(Protocol):
    """What an array of shape (n, ...) and `StoredItems` have in common."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of items, and the shape of one."""
        ...

    def __len__(self) -> int:
        """Count the items."""
        ...

    def __getitem__(self, where: Any, /) -> Any:
        """Return one item (an int) or several (a slice)."""
        ...


class StoredItems:
    """Some items of a stored array, read from the store each time they are asked for.

    Parameters
    ----------
    reader : ArrayReader
        The store.
    name : str
        The array.
    places : np.ndarray [shape=(n,) or (n, k)]
        Indices of the items on the first, or on the first k axes.
    """

    def __init__(self, reader: ArrayReader, name: str, places: IntArray) -> None:
        self._reader = reader
        self._name = name
        self._places = places[:, None] if places.ndim == 1 else places

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of items, and the shape of one."""
        return (len(self), *self._reader.shape(self._name)[self._places.shape[1] :])

    def __len__(self) -> int:
        """Count the items."""
        return len(self._places)

    def __getitem__(self, where: int | slice) -> npt.NDArray[Any]:
        """Read one item (an int), or several (a slice)."""
        places = self._places[where]
        if places.ndim == 1:
            item: npt.NDArray[Any] = self._reader.read(self._name, places[None])[0]
            return item
        return self._reader.read(self._name, places)


def open_items(
    reader: ArrayReader, wanted: Sequence[tuple[str, IntArray]], memory_gb: float
) -> list[Items]:
    """Make items of a store available: all in memory, or all of them item by item.

    Parameters
    ----------
    reader : ArrayReader
        The store.
    wanted : sequence of (str, np.ndarray [shape=(n,) or (n, k)])
        Arrays, and the indices of their items.
    memory_gb : float
        Memory, in 1e9 bytes, that all of them together may take.

    Returns
    -------
    list of Items
        One for each entry of `wanted`; the values are the same either way.
    """
    needed = 0
    for name, places in wanted:
        axes = places.shape[1] if places.ndim == 2 else 1
        item = int(np.prod(reader.shape(name)[axes:])) * reader.dtype(name).itemsize
        needed += len(places) * item
    if needed <= memory_gb * 1e9:
        return [reader.read(name, places) for name, places in wanted]
    return [StoredItems(reader, name, places) for name, places in wanted]
