"""The training loop: it learns, repeats itself to the bit, and survives kills and small memory."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from earwitness.errors import EarwitnessError
from earwitness.schema.optimisation import LoopParams
from earwitness.training.data import ValidationData
from earwitness.training.loop import Trainer
from earwitness.training.optimiser import parameter_groups
from earwitness.training.runtime import Runtime
from earwitness.training.state import TrainingState


class Net(nn.Module):
    """Small, with what makes resuming hard: dropout and normalisation statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


def make_trainer(params: LoopParams, runtime: Runtime, net: nn.Module | None = None) -> Trainer:
    torch.manual_seed(0)
    model = net or Net()
    return Trainer(
        model, parameter_groups([(model, 0.05)], params.weight_decay), params, runtime, 7
    )


def validation(points: Any) -> ValidationData:
    return ValidationData((torch.from_numpy(points.points),), torch.from_numpy(points.targets))


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in trainer.model.state_dict().values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_it_learns(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    trainer = make_trainer(replace(loop_params, epochs=12), runtime)
    rows = trainer.fit(points, validation(points), state, "net")
    assert [row.epoch for row in rows] == list(range(1, 13))
    assert rows[-1].train_loss < 0.5 * rows[0].train_loss
    assert rows[-1].validation_top1 > 0.9


@pytest.mark.parametrize("select", ["ema", "last", "best_val"])
@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_killed_run_ends_with_the_same_bits(
    points: Any,
    loop_params: LoopParams,
    runtime: Runtime,
    state: TrainingState,
    select: Any,
    killed_after: int,
) -> None:
    params = replace(loop_params, select=select)
    whole = make_trainer(params, runtime)
    rows = whole.fit(points, validation(points), TrainingState(state.path, "other"), "net")
    state.clear()

    class Killed(Exception):
        pass

    killed = make_trainer(params, runtime)
    save, saves = state.save, []

    def save_then_die(content: Any) -> None:
        save(content)
        saves.append(1)
        if len(saves) == killed_after:
            raise Killed

    state.save = save_then_die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        killed.fit(points, validation(points), state, "net")

    resumed = make_trainer(params, runtime)
    torch.manual_seed(12345)  # a new process has another random state
    again = TrainingState(state.path, "run")
    assert resumed.fit(points, validation(points), again, "net") == rows
    assert same(weights(resumed), weights(whole))


def test_a_state_of_another_run_is_not_used(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    make_trainer(loop_params, runtime).fit(points, validation(points), state, "net")
    assert state.load() is not None
    assert TrainingState(state.path, "other").load() is None


def test_a_damaged_state_is_not_used(state: TrainingState) -> None:
    state.path.write_bytes(b"not a checkpoint")
    assert state.load() is None


def test_accumulating_changes_memory_not_the_step(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    params = replace(loop_params, select="last", batch_size=10)
    results = []
    for accumulate in (1, 5):
        torch.manual_seed(0)
        net = nn.Linear(6, 3)  # no normalisation, whose statistics follow the micro-batch
        trainer = make_trainer(replace(params, accumulate=accumulate), runtime, net)
        trainer.fit(points, validation(points), TrainingState(state.path, str(accumulate)), "n")
        results.append(net.weight.detach().clone())
    torch.testing.assert_close(results[0], results[1])


class Hungry(nn.Module):
    """Runs out of memory above a number of examples, as a full GPU does."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 3)
        self.fits = fits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.linear(x)


def test_out_of_memory_halves_the_micro_batch_and_goes_on(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    params = replace(loop_params, select="last", batch_size=10)
    results = []
    for fits in (100, 3):
        torch.manual_seed(0)
        net = Hungry(fits)
        trainer = make_trainer(params, runtime, net)
        trainer.fit(points, validation(points), TrainingState(state.path, str(fits)), "net")
        results.append(net.linear.weight.detach().clone())
        assert trainer.micro.size == (10 if fits == 100 else 3)
    torch.testing.assert_close(results[0], results[1])


def test_memory_for_not_even_one_clip_is_told(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    trainer = make_trainer(loop_params, runtime, Hungry(0))
    with pytest.raises(EarwitnessError, match="single clip"):
        trainer.fit(points, validation(points), state, "net")


def test_another_error_is_not_taken_for_memory(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    trainer = make_trainer(loop_params, runtime, nn.Linear(5, 3))
    with pytest.raises(RuntimeError, match="shapes"):
        trainer.fit(points, validation(points), state, "net")


def test_ema_and_best_val_are_not_the_last_weights(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    ends = {}
    for select in ("ema", "last", "best_val"):
        trainer = make_trainer(replace(loop_params, select=select), runtime)
        rows = trainer.fit(points, validation(points), TrainingState(state.path, select), "net")
        ends[select] = weights(trainer)
        if select == "best_val":
            logits = trainer.model.eval()(torch.from_numpy(points.points))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(points.targets))
            assert loss.item() == pytest.approx(min(row.validation_loss for row in rows))
    assert not same(ends["ema"], ends["last"])


def test_validation_targets_do_not_shape_the_weights(
    points: Any, loop_params: LoopParams, runtime: Runtime, state: TrainingState
) -> None:
    ends = []
    for shift in (0, 1):
        data = validation(points)
        data = replace(data, targets=(data.targets + shift) % 3)
        trainer = make_trainer(loop_params, runtime)
        trainer.fit(points, data, TrainingState(state.path, str(shift)), "net")
        ends.append(weights(trainer))
    assert same(*ends)
