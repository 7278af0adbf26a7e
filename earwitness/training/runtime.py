"""Where and in which arithmetic a model is trained."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from earwitness.errors import EarwitnessError
from earwitness.schema.runtime import RuntimeParams


@dataclass(frozen=True)
class Runtime:
    """A device and a precision.

    Attributes
    ----------
    device : torch.device
        Where the model and each batch live.
    dtype : torch.dtype
        bfloat16 (autocast) or float32.
    """

    device: torch.device
    dtype: torch.dtype

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """Run the forward pass in the chosen precision."""
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16
        ):
            yield


def _has_bfloat16(device: torch.device) -> bool:
    # Where it is emulated, bfloat16 is slower than float32: T4 and V100, or a CPU with plain
    # AVX-512, which oneDNN calls supported all the same.
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def choose_runtime(params: RuntimeParams) -> Runtime:
    """Resolve "auto", set the number of threads and check that the device exists.

    Parameters
    ----------
    params : RuntimeParams
        Section ``runtime``.

    Returns
    -------
    Runtime
        What to train with.

    Raises
    ------
    EarwitnessError
        If a CUDA device is asked for that this machine does not have.
    """
    name = params.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise EarwitnessError(
            f"runtime.device is '{params.device}', but torch finds "
            f"{torch.cuda.device_count()} CUDA devices: set it to 'auto' or 'cpu'"
        )
    if params.threads:
        torch.set_num_threads(params.threads)
    # float32 means float32 on a GPU too: predictions are compared to 1e-5.
    torch.backends.cudnn.allow_tf32 = False
    dtype = torch.float32
    if params.precision == "bfloat16" or (params.precision == "auto" and _has_bfloat16(device)):
        dtype = torch.bfloat16
    return Runtime(device, dtype)


def describe_runtime(runtime: Runtime) -> dict[str, str | int]:
    """Name everything of the machine that the bits of a result depend on.

    Parameters
    ----------
    runtime : Runtime
        What the model is trained with.

    Returns
    -------
    dict
        Device, precision, instruction set, number of threads, torch's version.
    """
    return {
        "device": str(runtime.device),
        "precision": str(runtime.dtype).removeprefix("torch."),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
