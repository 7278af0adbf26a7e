"""Learning rates: groups, schedules, discriminative rates."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from earwitness.schema.optimisation import LoopParams
from earwitness.training.optimiser import parameter_groups, schedule_factor, set_rates


@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
def test_a_schedule_rises_to_its_peak_and_falls(loop_params: LoopParams, schedule: str) -> None:
    params = replace(loop_params, schedule=schedule, warmup=0.2)
    factors = [schedule_factor(step, 100, params) for step in range(100)]
    peak = factors.index(max(factors))
    assert 18 <= peak <= 21
    assert max(factors) == pytest.approx(1.0, abs=1e-3)
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert factors[-1] < 0.01


def test_a_constant_schedule_is_constant(loop_params: LoopParams) -> None:
    params = replace(loop_params, schedule="constant")
    assert {schedule_factor(step, 10, params) for step in range(10)} == {1.0}


@given(
    step=st.integers(0, 999),
    total=st.integers(1, 1000),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["onecycle", "cosine", "constant"]),
)
def test_every_factor_is_a_share(step: int, total: int, warmup: float, schedule: str) -> None:
    params = LoopParams(1, 1, 1, schedule, warmup, 0.0, 0.0, 0.0, 0.0, "last")
    assert 0 < schedule_factor(min(step, total - 1), total, params) <= 1


def test_vectors_do_not_decay_and_frozen_parameters_are_left_out() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    net[2].weight.requires_grad_(False)
    groups = parameter_groups([(net, 0.1)], weight_decay=0.3)
    by_decay = {group["weight_decay"]: group["params"] for group in groups}
    assert [p.shape for p in by_decay[0.3]] == [torch.Size([4, 3])]
    assert all(p.ndim == 1 for p in by_decay[0.0])
    assert len(by_decay[0.0]) == 4


def test_rates_keep_their_proportions() -> None:
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(parameter_groups([(a, 0.1), (b, 0.01)], 0.0))
    assert set_rates(optimiser, 0.5) == pytest.approx(0.05)
    assert sorted({group["lr"] for group in optimiser.param_groups}) == [
        pytest.approx(0.005),
        pytest.approx(0.05),
    ]
