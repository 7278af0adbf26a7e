"""A little of a stage's work on random data, against the clock."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.schema.optimisation import LoopParams
from earwitness.training.data import TrainingData, ValidationData
from earwitness.training.loop import Trainer
from earwitness.training.runtime import Runtime
from earwitness.training.state import TrainingState

T = TypeVar("T")

BATCH = 8  # clips of a pass
STEPS = 4  # of which the first is slower than the others
LARGEST_BATCH = 16  # of a step: a larger one takes longer, but a clip of it hardly does


@dataclass(frozen=True)
class Scope:
    """What the whole pipeline is going to do, and with what.

    Attributes
    ----------
    clips, classes : int
        Of the data set.
    folds : int
        Test folds to run.
    train, validation, test : int
        Clips of one of them.
    seconds : float
        Length of a clip.
    shifts : int
        Time shifts of the predictions.
    runtime : Runtime
        Device and precision.
    memory : int
        Bytes of clips that a training stage holds; of more, it reads from the disk.
    """

    clips: int
    classes: int
    folds: int
    train: int
    validation: int
    test: int
    seconds: float
    shifts: int
    runtime: Runtime
    memory: int


def time_step(
    model: nn.Module,
    groups: list[dict[str, Any]],
    loop: LoopParams,
    runtime: Runtime,
    examples: TrainingData,
    validation: tuple[Tensor, ...],
) -> float:
    """Train for a few steps.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    groups : list of dict
        For the optimiser.
    loop : LoopParams
        The settings, `shortened`.
    runtime : Runtime
        Device and precision.
    examples : TrainingData
        As many as `copies` makes.
    validation : tuple of Tensor
        The model's inputs.

    Returns
    -------
    float
        Seconds a clip, of the quickest step but the first.
    """
    moments: list[float] = []

    # Not when a batch is asked for: that is ahead of the steps.
    def note(module: nn.Module, _: object) -> None:
        if module.training:
            moments.append(time.perf_counter())

    model.register_forward_pre_hook(note)
    held_out = ValidationData(validation, torch.zeros(len(validation[0]), dtype=torch.int64))
    with tempfile.TemporaryDirectory() as folder:
        state = TrainingState(Path(folder, "state.pt"), "trial")
        Trainer(model, groups, loop, runtime, 0).fit(examples, held_out, state, "trial")
    return float(np.diff(moments)[1:].min()) / loop.batch_size


def shortened(loop: LoopParams) -> LoopParams:
    """Make a trial of the settings of a training: one epoch of small batches."""
    batch_size = min(loop.batch_size, LARGEST_BATCH)
    return replace(loop, epochs=1, batch_size=batch_size, accumulate=1)


def copies(values: NDArray[np.floating], loop: LoopParams) -> NDArray[np.floating]:
    """Repeat `values` [shape=(BATCH, ...)] until there is an example for each of `STEPS` steps."""
    return np.resize(values, (STEPS * loop.batch_size, *values.shape[1:]))


def time_pass(work: Callable[[], T]) -> tuple[float, T]:
    """Do work on `BATCH` clips, after a first time that does not count.

    Parameters
    ----------
    work : callable
        What to do.

    Returns
    -------
    seconds : float
        A clip.
    result : object
        What `work` returns.
    """
    work()
    began = time.perf_counter()
    result = work()
    return (time.perf_counter() - began) / BATCH, result


def noise(samples: int) -> NDArray[np.float32]:
    """Waveforms [shape=(BATCH, samples)] of white noise."""
    return np.random.default_rng(0).normal(0, 0.1, (BATCH, samples)).astype(np.float32)


def targets(classes: int, loop: LoopParams) -> NDArray[np.int64]:
    """Class indices of the examples of `STEPS` steps."""
    return np.arange(STEPS * loop.batch_size) % classes


def resident_memory() -> int:
    """Bytes of this process: with all libraries loaded, those of a stage without its data."""
    return int(psutil.Process().memory_info().rss)
