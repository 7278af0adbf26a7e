"""What the trials of `python -m earwitness check` measure is what a training takes."""

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.checkup.trial import STEPS, shortened, time_step
from earwitness.schema.optimisation import LoopParams
from earwitness.training.optimiser import parameter_groups
from tests.trained import CPU, LOOP

PAUSE = 0.05  # seconds


class Slow(nn.Module):
    """Rests at every step; the examples are there at once."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(PAUSE)
        logits: Tensor = self.linear(x)
        return logits


class Examples:
    """As many as a trial needs."""

    def __init__(self, loop: LoopParams) -> None:
        self.count = STEPS * loop.batch_size

    def __len__(self) -> int:
        return self.count

    def batch(self, positions: NDArray[np.int64], epoch: int) -> tuple[tuple[Tensor, ...], Tensor]:
        assert epoch >= 0
        return (torch.ones(len(positions), 2),), torch.full((len(positions), 3), 1 / 3)


def test_a_step_takes_what_the_model_takes_however_far_ahead_examples_are_read() -> None:
    loop = shortened(LOOP)
    model = Slow()
    groups = parameter_groups([(model, 0.01)], 0.0)
    seconds = time_step(model, groups, loop, CPU, Examples(loop), (torch.ones(1, 2),))
    assert seconds * loop.batch_size >= PAUSE


def test_a_trial_is_short_whatever_the_training() -> None:
    long = replace(LOOP, epochs=1000, batch_size=512, accumulate=4)
    short = shortened(long)
    assert (short.epochs, short.batch_size, short.accumulate) == (1, 16, 1)
