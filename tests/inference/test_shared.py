"""What the models of several folds share is computed once, to the same logits."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness.backbones.base import Backbone
from earwitness.features.spectrogram import SpectrogramFrontEnd
from earwitness.inference.member import Member, PretrainedMember, load_member
from earwitness.inference.prediction import augmented
from earwitness.inference.shared import SharedMember
from tests.trained import finetune_params, lively_backbone, train_backbone, train_network_member

CPU = torch.device("cpu")


def clips() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, size=(4, 16000)).astype(np.float32)


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folds fine-tuned from one backbone, one with it frozen, and one from another."""
    root = tmp_path_factory.mktemp("members") / "yamnet"
    folders = [root / f"fold{fold}" for fold in range(1, 5)]
    train_backbone(folders[0], 2, finetune_params(lr_backbone=0.01))
    train_backbone(folders[1], 2, finetune_params(lr_backbone=0.02))
    train_backbone(folders[2], 2, finetune_params(keep="frozen"))
    other = lively_backbone()
    with torch.no_grad():
        next(other.blocks[3].parameters()).mul_(1.1)
    train_backbone(folders[3], 2, finetune_params(keep="frozen"), other)
    return folders


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("members") / "spec_cnn"
    return [train_network_member(root / f"fold{fold}") for fold in (1, 2)]


def load(folders: list[Path]) -> list[Member]:
    return [load_member(folder, CPU) for folder in folders]


@pytest.mark.parametrize("kind", ["backbones", "networks"])
def test_the_logits_are_each_members_own(kind: str, request: pytest.FixtureRequest) -> None:
    folders = request.getfixturevalue(kind)
    shared = SharedMember(load(folders))
    inputs = shared.read(clips())
    for shift, wanted in ((0.0, [*range(len(folders))]), (0.2, [1, 0]), (-0.1, [0])):
        said = shared.logits(inputs, wanted, shift)
        assert len(said) == len(wanted)
        for place, logits in zip(wanted, said, strict=True):
            member = load_member(folders[place], CPU)
            expected = augmented(member, clips(), [shift]).shifted[:, 0]
            np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_equal_blocks_run_once(backbones: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedMember(load(backbones))
    ran: list[int] = []
    step = Backbone.step

    def count(self: Backbone, index: int, x: torch.Tensor) -> torch.Tensor:
        ran.append(index)
        return step(self, index, x)

    monkeypatch.setattr(Backbone, "step", count)
    shared.logits(shared.read(clips()), [0, 1, 2])
    # Of 14 blocks the last two were fine-tuned in the first two of the three folds.
    assert [ran.count(index) for index in range(14)] == [1] * 12 + [3] * 2
    ran.clear()
    shared.logits(shared.read(clips()), [0, 3])
    assert [ran.count(index) for index in range(14)] == [1] * 3 + [2] * 11


def test_equal_blocks_are_in_memory_once(backbones: list[Path]) -> None:
    members = load(backbones)
    SharedMember(members)
    blocks = [m.model.backbone.blocks for m in members if isinstance(m, PretrainedMember)]
    assert blocks[0][0] is blocks[1][0] is blocks[2][0] is blocks[3][0]
    assert blocks[0][13] is not blocks[1][13]
    assert blocks[2][13] is blocks[3][13]
    assert blocks[2][3] is not blocks[3][3]


def test_features_are_computed_once(networks: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedMember(load(networks))
    calls = []
    compute = SpectrogramFrontEnd.__call__

    def count(self: SpectrogramFrontEnd, waveform: np.ndarray) -> np.ndarray:
        calls.append(1)
        return compute(self, waveform)

    monkeypatch.setattr(SpectrogramFrontEnd, "__call__", count)
    inputs = shared.read(clips())
    for shift in (0.0, 0.1):
        shared.logits(inputs, [0, 1], shift)
    assert len(calls) == len(clips())


def test_members_of_two_kinds_are_left_alone(backbones: list[Path], networks: list[Path]) -> None:
    folders = [backbones[0], networks[0]]
    shared = SharedMember(load(folders))
    for logits, folder in zip(shared.logits(shared.read(clips()), [0, 1]), folders, strict=True):
        np.testing.assert_array_equal(logits, load_member(folder, CPU).logits(clips()))
