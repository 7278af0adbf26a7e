"""Going on after an out-of-memory error, with smaller micro-batches."""

import logging
from collections.abc import Callable, Iterator

import torch

from earwitness.errors import EarwitnessError

_log = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell an out-of-memory error from any other.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool
        Whether a smaller batch can help.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


class MicroBatcher:
    """Splits a batch into micro-batches, and into smaller ones once memory runs out.

    Parameters
    ----------
    batch_size : int
        Examples of an optimiser step.
    accumulate : int
        Micro-batches to begin with.
    """

    def __init__(self, batch_size: int, accumulate: int) -> None:
        self.size = max(1, -(-batch_size // accumulate))

    def slices(self, examples: int) -> Iterator[slice]:
        """Cut a batch.

        Parameters
        ----------
        examples : int
            Examples in the batch.

        Yields
        ------
        slice
            At most `size` examples each.
        """
        for start in range(0, examples, self.size):
            yield slice(start, min(start + self.size, examples))

    def run(
        self, examples: int, restart: Callable[[], None], work: Callable[[slice], None]
    ) -> None:
        """Do the work of one batch, halving the micro-batch as often as memory demands.

        Parameters
        ----------
        examples : int
            Examples in the batch.
        restart : callable
            Undoes what earlier micro-batches of this batch left (their gradients).
        work : callable
            Forward and backward pass of one slice.

        Raises
        ------
        EarwitnessError
            If even one example at a time does not fit.
        """
        while True:
            restart()
            try:
                for part in self.slices(examples):
                    work(part)
                return
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.size == 1:
                    raise EarwitnessError(
                        "out of memory with a single clip a micro-batch: use a smaller model, "
                        "or runtime.device: cpu"
                    ) from error
            # Outside the handler: the traceback would keep the failed batch's tensors alive.
            self.size = -(-self.size // 2)
            _log.warning("out of memory: going on with micro-batches of %d clips", self.size)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
