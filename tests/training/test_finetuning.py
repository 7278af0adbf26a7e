"""Fine-tuning: it starts from the frozen baseline, trains the top, and leaves the rest alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.weights import build_backbone
from earwitness.inference.checkpoint import read_checkpoint
from earwitness.inference.member import load_member
from earwitness.schema.finetune import HeadParams
from earwitness.training.baseline import fit_baseline
from earwitness.training.finetuning import rate_groups
from earwitness.training.stored import StoredFold
from tests.trained import LOOP, finetune_params, lively_backbone, stored_noise, train_backbone

CPU = torch.device("cpu")


def classifier(unfrozen: int) -> PretrainedClassifier:
    torch.manual_seed(0)
    return PretrainedClassifier(build_backbone("yamnet"), unfrozen, 3, HeadParams(8, 0.5))


@pytest.mark.parametrize("unfrozen", [0, 1, 5, 14])
def test_only_the_last_blocks_and_the_head_are_trained(unfrozen: int) -> None:
    model = classifier(unfrozen)
    trained = {name.split(".")[2] for name, p in model.backbone.blocks.named_parameters("a.b")}
    assert len(trained) == 14
    expected = {str(i) for i in range(14 - unfrozen, 14)}
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    assert {n.split(".")[2] for n in names if n.startswith("backbone")} == expected
    assert any(n.startswith("head") for n in names)


def test_rates_fall_with_depth_and_the_heads_is_its_own() -> None:
    params = finetune_params(lr_head=0.1, lr_backbone=0.01, layer_decay=0.5)
    groups = rate_groups(classifier(3), params)
    rates = sorted({group["peak_lr"] for group in groups}, reverse=True)
    assert rates == pytest.approx([0.1, 0.01, 0.005, 0.0025])


def test_the_backbone_stays_in_evaluation_mode() -> None:
    model = classifier(2).train()
    assert model.head.training
    assert not any(module.training for module in model.backbone.modules())


def test_the_head_starts_as_the_frozen_baseline(tmp_path: Path) -> None:
    """With no epochs, the logits are those of the linear part on the standardised levels."""
    from dataclasses import replace

    params = finetune_params(loop=replace(LOOP, epochs=0))
    config = train_backbone(tmp_path / "fold1", 2, params)
    assert config["kept"] == "frozen"
    assert config["baseline_c"] in params.baseline_c
    member = load_member(tmp_path / "fold1", torch.device("cpu"))
    waveform = np.random.default_rng(5).normal(0, 0.1, size=(2, 16000)).astype(np.float32)
    backbone, head = member.model.backbone, member.model.head
    with torch.inference_mode():
        x = backbone.front_end(torch.from_numpy(waveform))
        levels = backbone.run(x, 0, 14)[1]
        linear = head.linear(head.standardise(levels)).numpy()
    np.testing.assert_allclose(member.logits(waveform), linear, atol=1e-5)


def test_frozen_blocks_keep_their_weights_and_trained_ones_do_not(tmp_path: Path) -> None:
    train_backbone(tmp_path / "fold1", 2, finetune_params())
    _, state = read_checkpoint(tmp_path / "fold1")
    before = lively_backbone().state_dict()
    for name, tensor in before.items():
        same = torch.equal(tensor, state[f"backbone.{name}"])
        trained = name.split(".")[:2] in (["blocks", "12"], ["blocks", "13"])
        assert same != trained, name


def test_the_trunk_file_is_the_same_in_every_fold(tmp_path: Path) -> None:
    for fold, params in (("fold1", finetune_params()), ("fold2", finetune_params(lr_head=0.01))):
        train_backbone(tmp_path / fold, 2, params)
    trunks = [(tmp_path / fold / "trunk.safetensors").read_bytes() for fold in ("fold1", "fold2")]
    models = [(tmp_path / fold / "model.safetensors").read_bytes() for fold in ("fold1", "fold2")]
    assert trunks[0] == trunks[1]
    assert models[0] != models[1]


@pytest.mark.parametrize("lr", [1e-9, 3.0])
def test_fine_tuning_has_to_beat_the_baseline_on_validation(tmp_path: Path, lr: float) -> None:
    params = finetune_params(keep="better", lr_head=lr, lr_backbone=lr)
    config = train_backbone(tmp_path / "fold1", 2, params)
    scores = config["validation"]
    better = scores["finetuned"]["nll"] < scores["frozen"]["nll"]
    assert config["kept"] == ("finetuned" if better else "frozen")
    _, state = read_checkpoint(tmp_path / "fold1")
    pretrained = lively_backbone().state_dict()["blocks.13.pointwise.weight"]
    unchanged = torch.equal(state["backbone.blocks.13.pointwise.weight"], pretrained)
    assert unchanged == (config["kept"] == "frozen")


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_backbone(tmp_path / name / "fold1", 2, finetune_params())
    for path in sorted((tmp_path / "a" / "fold1").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / "fold1" / path.name).read_bytes(), path.name


def test_a_frozen_model_that_is_kept_is_refitted_with_the_validation_clips(tmp_path: Path) -> None:
    """What validation judged is kept beside it, so that validation clips are said honestly."""
    for name, refit in (("once", False), ("again", True)):
        params = finetune_params(keep="frozen", refit=refit)
        config = train_backbone(tmp_path / name / "fold1", 2, params)
        assert config["refitted"] == refit
    once = load_member(tmp_path / "once" / "fold1", CPU)
    again = load_member(tmp_path / "again" / "fold1", CPU)
    judged = load_member(tmp_path / "again" / "fold1", CPU, judged=True)
    waveform = np.random.default_rng(5).normal(0, 0.1, size=(2, 16000)).astype(np.float32)
    assert np.array_equal(judged.logits(waveform), once.logits(waveform))
    assert not np.allclose(again.logits(waveform), once.logits(waveform))


def test_a_refit_is_the_regression_on_all_clips_at_the_chosen_strength(tmp_path: Path) -> None:
    config = train_backbone(tmp_path / "fold1", 0, finetune_params(keep="frozen", refit=True))
    data = stored_noise(0)
    levels = np.concatenate([data.train_levels[0], data.validation_levels[0]])
    targets = np.concatenate([data.train_targets, data.validation_targets])
    expected = fit_baseline(levels, targets, None, (config["baseline_c"],))
    _, state = read_checkpoint(tmp_path / "fold1")
    np.testing.assert_allclose(state["head.linear.weight"], expected.weight, atol=1e-5)
    np.testing.assert_allclose(state["head.standardise.mean"], expected.mean, atol=1e-5)


def test_a_fine_tuned_model_is_not_refitted(tmp_path: Path) -> None:
    config = train_backbone(tmp_path / "fold1", 2, finetune_params(refit=True))
    assert config["kept"] == "finetuned"
    assert not config["refitted"]
    assert not (tmp_path / "fold1" / "judged.safetensors").exists()


def test_the_baseline_may_see_several_views(tmp_path: Path) -> None:
    data = stored_noise(1)
    views = StoredFold(
        *(np.concatenate([data.train_boundary, 2 * data.train_boundary]),),
        *(np.concatenate([data.train_levels, 2 * data.train_levels]), data.train_targets),
        *(data.validation_boundary, data.validation_levels, data.validation_targets),
    )
    states = []
    for count in (1, 2, 3):
        params = finetune_params(keep="frozen", baseline_views=count)
        train_backbone(tmp_path / str(count) / "fold1", 1, params, data=views)
        states.append(read_checkpoint(tmp_path / str(count) / "fold1")[1]["head.linear.weight"])
    assert not torch.allclose(states[0], states[1])
    assert torch.equal(states[1], states[2])  # there are no more than two
