"""What a training loop reads and reports."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.store.items import Items
from earwitness.training.runtime import Runtime


class TrainingData(Protocol):
    """Examples by their position in the training set."""

    def __len__(self) -> int:
        """Count the examples."""
        ...

    def batch(self, positions: NDArray[np.int64], epoch: int) -> tuple[tuple[Tensor, ...], Tensor]:
        """Make the model's inputs and its soft targets (B, classes), augmented.

        Every random number comes from a generator seeded with (seed, epoch, position), so an
        example does not depend on its batch, on the order, or on who loads it.
        """
        ...


@dataclass(frozen=True)
class ValidationData:
    """Validation examples, not augmented.

    Attributes
    ----------
    inputs : tuple of Items or Tensor
        The model's inputs, the first axis being examples.
    targets : Tensor [shape=(n,)]
        Class indices.
    """

    inputs: tuple[Items, ...]
    targets: Tensor


@dataclass(frozen=True)
class EpochRow:
    """One row of the training curves.

    Attributes
    ----------
    epoch : int
        From 1.
    lr : float
        Largest learning rate of the last step.
    train_loss, validation_loss : float
        Mean cross-entropy, in nats; the training one against augmented, smoothed targets.
    validation_top1 : float
        Accuracy in [0, 1].
    """

    epoch: int
    lr: float
    train_loss: float
    validation_loss: float
    validation_top1: float


def compute_logits(
    model: nn.Module, inputs: tuple[Items, ...], runtime: Runtime, batch_size: int = 64
) -> Tensor:
    """Run a model in evaluation mode, in float32.

    Parameters
    ----------
    model : nn.Module
        Called with one slice of each input.
    inputs : tuple of Items or Tensor
        The first axis being examples; a batch of them is in memory at a time.
    runtime : Runtime
        Gives the device.
    batch_size : int
        Examples per forward pass.

    Returns
    -------
    Tensor [shape=(n, classes)]
        Logits, on the CPU.
    """
    training = model.training
    model.eval()
    with torch.inference_mode():
        parts = [
            model(*(_to_device(x[i : i + batch_size], runtime) for x in inputs)).cpu()
            for i in range(0, len(inputs[0]), batch_size)
        ]
    model.train(training)
    return torch.cat(parts)


def _to_device(batch: Any, runtime: Runtime) -> Tensor:
    return torch.as_tensor(batch).to(runtime.device).float()
