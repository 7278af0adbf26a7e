"""A tiny learning problem and the settings to train on it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness.schema.optimisation import LoopParams
from earwitness.training.runtime import Runtime
from earwitness.training.state import TrainingState


@pytest.fixture
def loop_params() -> LoopParams:
    return LoopParams(
        epochs=4,
        batch_size=8,
        accumulate=1,
        schedule="onecycle",
        warmup=0.25,
        weight_decay=0.01,
        clip_norm=5.0,
        label_smoothing=0.0,
        ema_decay=0.9,
        select="ema",
    )


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(torch.device("cpu"), torch.float32)


@pytest.fixture
def state(tmp_path: Path) -> TrainingState:
    return TrainingState(tmp_path / "state.pt", "run")


class Points:
    """Noisy points around one centre a class."""

    def __init__(self, seed: int = 0, classes: int = 3) -> None:
        rng = np.random.default_rng(99)
        centres = rng.normal(size=(classes, 6)) * 2
        rng = np.random.default_rng(seed)
        self.targets = np.arange(30) % classes
        self.points = (centres[self.targets] + rng.normal(size=(30, 6))).astype(np.float32)
        self.classes = classes

    def __len__(self) -> int:
        return len(self.points)

    def batch(
        self, positions: np.ndarray, epoch: int
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        noise = [np.random.default_rng([epoch, int(p)]).normal(size=6) for p in positions]
        x = self.points[positions] + np.array(noise, dtype=np.float32) * 0.1
        y = np.eye(self.classes, dtype=np.float32)[self.targets[positions]]
        return (torch.from_numpy(x.astype(np.float32)),), torch.from_numpy(y)


@pytest.fixture
def points() -> Points:
    return Points()
