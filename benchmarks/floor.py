"""What the machine could do at best: the floor under the time that any work takes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Budget, Machine, Work
from earwitness.schema.runtime import RuntimeParams
from earwitness.training.runtime import choose_runtime

COPY, FLOAT32, BFLOAT16 = "copy", "float32", "bfloat16"
SIZE, COPIED = 2048, 64 * 2**20  # rows of a square matrix; numbers that are copied
BACKWARD = 2  # times the work of a forward pass: gradients of the inputs and of the weights


@dataclass(frozen=True)
class Peak:
    """The most that was measured.

    Attributes
    ----------
    together : dict of str to float
        A process a core with one thread each, added up: FLOPs a second of a large matrix product
        by type, and bytes a second of a large copy, read and written.
    alone : dict of str to float
        The same of one process with a thread a core.
    """

    together: dict[str, float]
    alone: dict[str, float]

    def limit(self, flops: float, moved: float, dtype: str = FLOAT32) -> float:
        """Say how many clips a second there could be.

        Parameters
        ----------
        flops, moved : float
            Floating-point operations and bytes of memory that a clip takes at least.
        dtype : str
            Arithmetic.

        Returns
        -------
        float
            By whichever of the two takes longer, on all cores.
        """
        seconds = max(flops / self.together[dtype], moved / self.together[COPY])
        return 1 / seconds


def precision() -> str:
    """Name the arithmetic that the pipeline trains in on this machine."""
    threads = torch.get_num_threads()
    runtime = choose_runtime(
        RuntimeParams(device="cpu", precision="auto", threads=threads, memory_gb=4.0)
    )
    return str(runtime.dtype).removeprefix("torch.")


def prepare(size: int, copied: int) -> dict[str, Work]:
    """Make the products and the copy that are timed.

    Parameters
    ----------
    size : int
        Rows and columns of the matrices.
    copied : int
        Numbers, of four bytes each, that are copied.

    Returns
    -------
    dict of str to callable
        By what they show; bfloat16 only where the hardware has it.
    """
    works: dict[str, Work] = {}
    for name in dict.fromkeys((FLOAT32, precision())):
        dtype = getattr(torch, name)
        left, right = torch.rand(size, size).to(dtype), torch.rand(size, size).to(dtype)
        works[name] = _product(left, right, torch.empty(size, size, dtype=dtype))
    source, target = torch.rand(copied), torch.empty(copied)
    works[COPY] = lambda: target.copy_(source)
    return works


def _product(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> Work:
    return lambda: torch.mm(left, right, out=out)


def measure_peak(machine: Machine, budget: Budget, rounds: int, quick: bool = False) -> Peak:
    """Measure what the machine can do.

    Parameters
    ----------
    machine : Machine
        Which one.
    budget : Budget
        How long.
    rounds : int
        The best of these counts.
    quick : bool
        Whether only to see that it runs.

    Returns
    -------
    Peak
        In operations and bytes a second.
    """
    size, copied = (128, 2**16) if quick else (SIZE, COPIED)
    together, alone = Peak({}, {}).together, Peak({}, {}).alone
    for _ in range(rounds):
        for run, best in ((machine.one_process_a_core, together), (machine.one_process, alone)):
            processes = run(prepare, budget, size, copied)
            for name in processes[0]:
                each = 2 * 4 * copied if name == COPY else 2 * size**3
                rate = sum(each / seconds[name] for seconds in processes)
                best[name] = max(rate, best.get(name, 0.0))
    return Peak(together, alone)


def forward_flops(work: Callable[[], object]) -> float:
    """Count the floating-point operations of a forward pass: its products and convolutions.

    The counter takes a grouped convolution's backward pass for that of a dense one, so that a
    training step is better counted as forward passes: see `BACKWARD`.

    Parameters
    ----------
    work : callable
        The pass.

    Returns
    -------
    float
        Operations; a multiplication and an addition are two.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return float(counter.get_total_flops())
