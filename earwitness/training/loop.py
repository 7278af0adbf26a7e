"""The training loop, read from top to bottom."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from earwitness.schema.optimisation import LoopParams
from earwitness.training.data import EpochRow, TrainingData, ValidationData, compute_logits
from earwitness.training.memory import MicroBatcher
from earwitness.training.optimiser import schedule_factor, set_rates
from earwitness.training.prefetch import batches
from earwitness.training.runtime import Runtime
from earwitness.training.state import TrainingState

_log = logging.getLogger(__name__)


def _follow(decay: float) -> Callable[[Any, Any, Any], None]:
    """Average weights and buffers; the decay warms up so that a short run is not all start."""

    def update(averages: list[Tensor], currents: list[Tensor], count: Tensor | int) -> None:
        if not averages[0].is_floating_point():
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)
            return
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(averages, currents, 1 - now)

    return update


class Trainer:
    """Trains one model.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    groups : list of dict
        From `parameter_groups`.
    params : LoopParams
        The settings.
    runtime : Runtime
        Device and precision.
    seed : int
        Seeds the order of the examples and the dropout, epoch by epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: list[dict[str, Any]],
        params: LoopParams,
        runtime: Runtime,
        seed: int,
    ) -> None:
        # Convolutions on channels_last maps are faster on CPUs and on tensor cores alike.
        self.model = model.to(device=runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.params = params
        self.runtime = runtime
        self.seed = seed
        self.optimiser = torch.optim.AdamW(groups)
        self.average = AveragedModel(
            self.model, multi_avg_fn=_follow(params.ema_decay), use_buffers=True
        )
        self.micro = MicroBatcher(params.batch_size, params.accumulate)
        self.rows: list[EpochRow] = []
        self.best: dict[str, Tensor] | None = None

    def fit(
        self, data: TrainingData, validation: ValidationData, state: TrainingState, label: str
    ) -> list[EpochRow]:
        """Train for all epochs, from the saved state if there is one.

        Parameters
        ----------
        data : TrainingData
            Training examples.
        validation : ValidationData
            For the curves, and for `select: best_val`; nothing is trained on it.
        state : TrainingState
            Saved after each epoch.
        label : str
            Stands in the progress bar.

        Returns
        -------
        list of EpochRow
            The training curves. The model holds the selected weights.
        """
        self._restore(state.load())
        epochs = range(len(self.rows), self.params.epochs)
        for epoch in tqdm(epochs, desc=label, unit="epoch", disable=None, leave=False):
            train_loss, lr = self._epoch(data, epoch)
            self.rows.append(self._validate(validation, epoch, train_loss, lr))
            state.save(self._snapshot())
            row = self.rows[-1]
            _log.info(
                "%s epoch %d/%d: train loss %.3f, validation loss %.3f, validation top-1 %.3f",
                *(label, row.epoch, self.params.epochs),
                *(row.train_loss, row.validation_loss, row.validation_top1),
            )
        self._select()
        return self.rows

    def _epoch(self, data: TrainingData, epoch: int) -> tuple[float, float]:
        self.model.train()
        order = np.random.default_rng([self.seed, epoch]).permutation(len(data))
        torch.manual_seed(self.seed * 1_000_003 + epoch)  # dropout
        size = self.params.batch_size
        steps = -(-len(data) // size)
        total, lr = 0.0, 0.0
        for step, (examples, batch) in enumerate(batches(data, order, size, epoch)):
            factor = schedule_factor(epoch * steps + step, self.params.epochs * steps, self.params)
            lr = set_rates(self.optimiser, factor)
            total += self._step(*batch) * examples
        return total / len(data), lr

    def _step(self, inputs: tuple[Tensor, ...], targets: Tensor) -> float:
        examples = len(targets)
        losses: list[float] = []

        def restart() -> None:
            losses.clear()
            self.optimiser.zero_grad(set_to_none=True)

        def work(part: slice) -> None:
            chunk = tuple(x[part].to(self.runtime.device, non_blocking=True) for x in inputs)
            chunk = tuple(
                x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in chunk
            )
            with self.runtime.autocast():
                logits = self.model(*chunk)
            loss = F.cross_entropy(
                logits.float(),
                targets[part].to(self.runtime.device),
                label_smoothing=self.params.label_smoothing,
                reduction="sum",
            )
            (loss / examples).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.item() / examples)

        self.micro.run(examples, restart, work)
        if self.params.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.params.clip_norm)
        self.optimiser.step()
        self.average.update_parameters(self.model)
        return sum(losses)

    def _validate(
        self, validation: ValidationData, epoch: int, train_loss: float, lr: float
    ) -> EpochRow:
        watched = self.model if self.params.select == "last" else self.average.module
        logits = compute_logits(watched, validation.inputs, self.runtime)
        loss = float(F.cross_entropy(logits, validation.targets))
        top1 = float((logits.argmax(1) == validation.targets).double().mean())
        if self.params.select == "best_val" and all(
            loss < row.validation_loss for row in self.rows
        ):
            self.best = {k: v.detach().clone() for k, v in watched.state_dict().items()}
        return EpochRow(epoch + 1, lr, train_loss, loss, top1)

    def _snapshot(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "rows": [asdict(row) for row in self.rows],
            "micro": self.micro.size,
        }

    def _restore(self, saved: dict[str, Any] | None) -> None:
        if saved is None:
            return
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.best = saved["best"]
        self.rows = [EpochRow(**row) for row in saved["rows"]]
        self.micro.size = saved["micro"]
        _log.info("resuming after epoch %d", len(self.rows))

    def _select(self) -> None:
        if not self.rows or self.params.select == "last":
            return
        chosen = self.best if self.params.select == "best_val" else None
        self.model.load_state_dict(chosen or self.average.module.state_dict())
