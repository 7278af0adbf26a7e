"""Making the next batch while the model learns from this one."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from earwitness.training.data import TrainingData

Batch = tuple[tuple[Tensor, ...], Tensor]

# Batches made ahead: one hides reading and augmentation, another a slow moment of the disk.
AHEAD = 2


def batches(
    data: TrainingData, order: NDArray[np.int64], size: int, epoch: int
) -> Iterator[tuple[int, Batch]]:
    """Make the batches of an epoch in a thread of their own, a few ahead.

    An example draws from a generator of its own, so the batches are the same bits as without
    the thread.

    Parameters
    ----------
    data : TrainingData
        Makes the batches.
    order : np.ndarray [shape=(n,)]
        Positions in the training set, in the order of the epoch.
    size : int
        Examples of a batch; the last may have fewer.
    epoch : int
        From 0.

    Yields
    ------
    examples : int
        In the batch.
    batch : tuple
        As `TrainingData.batch` returns it.
    """
    waiting: deque[tuple[int, Future[Batch]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        for start in range(0, len(order), size):
            positions = order[start : start + size]
            waiting.append((len(positions), pool.submit(data.batch, positions, epoch)))
            if len(waiting) > AHEAD:
                yield _take(waiting)
        while waiting:
            yield _take(waiting)


def _take(waiting: deque[tuple[int, Future[Batch]]]) -> tuple[int, Batch]:
    examples, future = waiting.popleft()
    return examples, future.result()
