"""A description of the machine that a benchmark ran on, without a date."""

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks.floor import COPY, Peak, precision

CPUINFO = Path("/proc/cpuinfo")
TELLING = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16")
BUSY = 0.3  # running processes before the start


def cpu_model(cpuinfo: str) -> str:
    """Find the processor's name and vector instructions.

    Parameters
    ----------
    cpuinfo : str
        Content of /proc/cpuinfo.

    Returns
    -------
    str
        For a person.
    """
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    name = found[1].strip() if found else platform.processor() or platform.machine()
    flags = re.search(r"^flags\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    has = [flag for flag in TELLING if flags and flag in flags[1].split()]
    return f"{name} ({', '.join(has)})" if has else name


def load() -> float:
    """Count the processes that ran on this machine in the last minute, on average."""
    return os.getloadavg()[0]


def describe(peak: Peak, cores: int, before: float) -> Iterator[str]:
    """Describe the machine.

    Parameters
    ----------
    peak : Peak
        What was measured of it.
    cores : int
        How many of its cores were used.
    before : float
        Processes that ran on it before the benchmark.

    Yields
    ------
    str
        Lines of a markdown list.
    """
    cpuinfo = CPUINFO.read_text(encoding="utf-8") if CPUINFO.is_file() else ""
    memory = psutil.virtual_memory().total / 2**30
    yield f"- {os.cpu_count()} cores of {cpu_model(cpuinfo)}, {memory:.0f} GiB of memory"
    capability = torch.backends.cpu.get_cpu_capability()
    yield (
        f"- Python {platform.python_version()}, torch {torch.__version__} ({capability}), "
        f"NumPy {np.__version__}, {platform.system()}"
    )
    yield f"- precision: training in {precision()}, the rest and the notebook in float32"
    yield (f"- threads: ours {cores} x 1 (processes x threads), the notebook's way 1 x {cores}")
    for name, best in (("one thread a core", peak.together), ("one process", peak.alone)):
        products = ", ".join(
            f"{rate / 1e9:.3g} GFLOP/s in {kind}" for kind, rate in best.items() if kind != COPY
        )
        yield f"- at best, {name}: {products}; {best[COPY] / 1e9:.3g} GB/s copied"
    if before > BUSY:
        yield f"- **not quiet**: {before:.1f} other processes ran before the start (load average)"
