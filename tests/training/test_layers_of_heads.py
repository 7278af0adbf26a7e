"""What a head sees of a backbone: ``model.layers`` for a transformer and for a CNN."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.head import LayerSumHead, LevelHead
from earwitness.backbones.speech import SpeechBackbone
from earwitness.backbones.weights import build_backbone
from earwitness.inference.checkpoint import read_checkpoint
from earwitness.inference.member import load_member
from earwitness.schema.finetune import HeadParams
from earwitness.schema.model import Layers
from tests.backbones.speech_models import shrink
from tests.trained import finetune_params, train_backbone

CPU = torch.device("cpu")
PARAMS = HeadParams(8, 0.0)
both = pytest.mark.parametrize("layers", ["weighted", "last"])


@pytest.fixture(params=["WAVLM_LARGE", "HUBERT_BASE"])
def speech(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SpeechBackbone:
    """A speech model of three layers of 24 numbers."""
    shrink(monkeypatch, request.param)
    torch.manual_seed(0)
    backbone = build_backbone(request.param)
    assert isinstance(backbone, SpeechBackbone)
    return backbone


def levels_of(backbone: SpeechBackbone, waveforms: torch.Tensor) -> list[torch.Tensor]:
    x = backbone.front_end(waveforms)
    states = []
    for index in range(3):
        x = backbone.step(index, x)
        states.append(x)
    return states


@torch.inference_mode()
def test_a_transformers_head_sums_over_all_layers(speech: SpeechBackbone) -> None:
    model = PretrainedClassifier(speech, 1, 4, PARAMS, "weighted").eval()
    head = model.head
    assert isinstance(head, LayerSumHead)
    torch.nn.init.normal_(head.attended.weight)
    torch.nn.init.normal_(head.layer_logits, std=0.1)
    head.standardise.set(torch.randn(144), torch.rand(144) + 0.5, 0.0)
    waveforms = torch.randn(2, 8000)
    states = levels_of(speech, waveforms)
    pooled = torch.cat([torch.cat([x.mean(1), x.amax(1)], 1) for x in states], 1)
    standard = (pooled - head.standardise.mean) / head.standardise.std
    weights = torch.softmax(10 * head.layer_logits, 0)
    summed = sum(weights[i] * standard[:, 48 * i : 48 * i + 24] for i in range(3))
    summed = summed + weights[3] * head.embed(speech.frames(states[-1]))
    expected = head.linear(standard) + head.attended(summed)
    torch.testing.assert_close(model.classify(waveforms)[0], expected, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_last_is_the_last_layer_alone(speech: SpeechBackbone) -> None:
    waveforms = torch.randn(2, 8000)
    last = levels_of(speech, waveforms)[-1]
    for unfrozen in range(4):
        torch.manual_seed(0)
        model = PretrainedClassifier(speech, unfrozen, 4, PARAMS, "last").eval()
        torch.nn.init.normal_(model.head.attended.weight)
        pooled = torch.cat([last.mean(1), last.amax(1)], 1)
        expected = model.head(pooled, speech.frames(last))
        torch.testing.assert_close(model.classify(waveforms)[0], expected, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_cnn_has_its_levels_side_by_side_or_the_last_one() -> None:
    backbone = build_backbone("yamnet")
    waveforms = torch.randn(2, 8000)
    last, pooled = backbone.run(backbone.front_end(waveforms), 0, 14)
    for layers, seen in (("weighted", pooled), ("last", pooled[:, -2048:])):
        model = PretrainedClassifier(backbone, 2, 4, PARAMS, layers).eval()
        assert type(model.head) is LevelHead
        torch.nn.init.normal_(model.head.attended.weight)
        expected = model.head(seen, backbone.frames(last))
        torch.testing.assert_close(model.classify(waveforms)[0], expected, rtol=1e-5, atol=1e-5)


@both
@pytest.mark.parametrize("unfrozen", [0, 2])
def test_a_trained_speech_member_is_what_was_trained(
    speech: SpeechBackbone, tmp_path: Path, unfrozen: int, layers: Layers
) -> None:
    before = {name: tensor.clone() for name, tensor in speech.state_dict().items()}
    config = train_backbone(tmp_path / "fold1", unfrozen, finetune_params(), speech, layers)
    assert config["layers"] == layers
    assert config["kept"] == ("finetuned" if unfrozen else "frozen")
    member = load_member(tmp_path / "fold1", CPU)
    _, state = read_checkpoint(tmp_path / "fold1")
    for name, tensor in before.items():
        trained = name.startswith(("blocks.1.", "blocks.2.")) and unfrozen == 2
        # A key's bias moves all scores of a query alike: attention does not see it.
        if not name.endswith(("k_proj.bias", "gru_rel_pos_linear.bias")):
            assert torch.equal(tensor, state[f"backbone.{name}"]) != trained, name
    if layers == "weighted":
        assert bool(state["head.layer_logits"].any()) == (unfrozen == 2)
    waveforms = np.random.default_rng(5).normal(0, 0.1, (2, 16000)).astype(np.float32)
    together = member.logits(waveforms)
    alone = np.concatenate([member.logits(waveforms[:1]), member.logits(waveforms[1:])])
    np.testing.assert_allclose(together, alone, atol=1e-5)
