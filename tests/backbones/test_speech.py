import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torchaudio import pipelines

from earwitness.backbones.bundles import derive
from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.registry import NAMES, get_record
from earwitness.backbones.speech import SpeechBackbone
from earwitness.errors import EarwitnessError
from earwitness.schema.finetune import HeadParams
from tests.backbones.speech_models import clips, load_both, shorten

OURS = [name for name in NAMES if hasattr(pipelines, name.upper())]
# BASE models in full size; LARGE ones, four times as large, with three layers.
FULL = ["WAV2VEC2_BASE", "WAV2VEC2_ASR_BASE_960H", "HUBERT_BASE", "WAVLM_BASE"]
SHORT = ["WAV2VEC2_LARGE", "HUBERT_LARGE", "WAVLM_LARGE", "WAV2VEC2_XLSR53"]

Pair = tuple[SpeechBackbone, torch.nn.Module]


@pytest.fixture(scope="module")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """A model through torchaudio's own loading path, ours and theirs; one in memory at a time."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("torch")
        patch.setenv("TORCH_HOME", str(home))
        name, layers = request.param
        if layers:
            shorten(patch, name, layers)
        yield load_both(name, home / "hub" / "checkpoints")


every = pytest.mark.parametrize(
    "pair",
    [*[(name, None) for name in FULL], *[(name, 3) for name in SHORT]],
    indirect=True,
    ids=[*FULL, *SHORT],
)
wavlm = pytest.mark.parametrize("pair", [("WAVLM_LARGE", 3)], indirect=True)
large = pytest.mark.parametrize("pair", [(name, 3) for name in SHORT], indirect=True, ids=SHORT)


@torch.inference_mode()
def published(whole: torch.nn.Module, waveforms: Tensor) -> tuple[list[Tensor], Tensor]:
    """torchaudio's layers and final output, clip by clip."""
    inner = getattr(whole, "model", whole)
    one_by_one = [whole.extract_features(clip[None])[0] for clip in waveforms]
    inner.aux = None
    outputs = torch.cat([whole(clip[None])[0] for clip in waveforms])
    return [torch.cat(layer) for layer in zip(*one_by_one, strict=True)], outputs


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    scale = float(theirs.abs().max())
    assert scale > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * max(scale, 1.0))


@every
@torch.inference_mode()
def test_cut_anywhere_it_is_torchaudios_model(pair: Pair) -> None:
    ours, whole = pair
    waveforms = clips(2, 8000)
    layers, output = published(whole, waveforms)
    x = ours.front_end(waveforms)
    count = len(ours.blocks)
    assert count == len(layers)
    for cut in {0, 1, 2, count - 1, count}:
        boundary, below = ours.run(x, 0, cut)
        stored = boundary.clone()  # as from the store: nothing else survives
        last, above = ours.run(stored, cut, count)
        assert_close(last, layers[-1])
        expected = torch.cat([torch.cat([y.mean(1), y.amax(1)], 1) for y in layers], 1)
        assert_close(torch.cat([below, above], 1), expected)
        assert_close(ours.frames(last), output)


@large
@torch.inference_mode()
def test_a_clip_does_not_depend_on_its_batch(pair: Pair) -> None:
    ours, whole = pair
    batch = clips(3, 8000)
    together = ours.front_end(batch)
    for i in range(3):
        alone = ours.front_end(batch[i : i + 1])
        assert torch.equal(alone[0], together[i])
        last = ours.run(alone, 0, 3)[0]
        assert_close(last[0], ours.run(together, 0, 3)[0][i])
    if ours.normalise:  # which is not what torchaudio computes for a batch
        theirs = torch.stack(whole.extract_features(batch)[0])[-1]
        assert float((theirs[0] - ours.run(together, 0, 3)[0][0]).abs().max()) > 1e-2


@wavlm
@torch.inference_mode()
def test_upper_layers_need_the_position_bias_of_the_first(pair: Pair) -> None:
    ours, _ = pair
    x = ours.run(ours.front_end(clips()), 0, 1)[0]
    without = ours.blocks[1](x)[0]
    assert float((ours.step(1, x) - without).abs().max()) > 1e-2


@wavlm
def test_the_bias_is_trained_with_the_first_layer_alone(pair: Pair) -> None:
    ours, _ = pair
    waveforms = clips(1, 8000)
    table: Any = ours.blocks[0].attention.rel_attn_embed.weight  # type: ignore[union-attr]
    for unfrozen in (3, 2):
        model = PretrainedClassifier(ours, unfrozen, 3, HeadParams(4, 0.0))
        torch.nn.init.ones_(model.head.linear.weight)
        table.grad = None
        model.classify(waveforms)[0].square().sum().backward()
        assert (table.grad is not None) == (unfrozen == 3)
        reached = {
            i for i in range(3) if any(p.grad is not None for p in ours.blocks[i].parameters())
        }
        assert reached == set(range(3 - unfrozen, 3))
        assert all(p.grad is None for p in ours.extractor.parameters())
        for parameter in ours.parameters():
            parameter.grad = None
            parameter.requires_grad_(False)


@large
def test_nothing_is_dropped_in_training(pair: Pair) -> None:
    ours, _ = pair
    model = PretrainedClassifier(ours, 2, 3, HeadParams(4, 0.0))
    torch.nn.init.normal_(model.head.attended.weight)
    waveforms = clips(2, 8000)
    with torch.no_grad():
        evaluated = model.eval().classify(waveforms)[0]
        for _ in range(2):
            assert torch.equal(model.train().classify(waveforms)[0], evaluated)


@wavlm
@torch.inference_mode()
def test_bfloat16_is_close(pair: Pair) -> None:
    ours, _ = pair
    x = ours.front_end(clips())
    exact = ours.run(x, 0, 3)[1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = ours.run(x, 0, 3)[1]
    assert rough.dtype == torch.float32
    assert float((rough - exact).norm() / exact.norm()) < 0.02


@wavlm
def test_clips_too_short_for_one_frame_are_refused(pair: Pair) -> None:
    ours, _ = pair
    assert ours.run(ours.front_end(torch.zeros(1, 400)), 0, 3)[0].shape == (1, 1, 1024)
    assert ours.front_end(torch.zeros(1, 719)).shape[1] == 1
    assert ours.front_end(torch.zeros(1, 720)).shape[1] == 2
    with pytest.raises(EarwitnessError, match="at least 400 samples at 16 kHz"):
        ours.front_end(torch.zeros(1, 399))


@pytest.mark.parametrize("name", OURS)
def test_records_say_what_torchaudio_says(name: str) -> None:
    record, derived = get_record(name), derive(name)
    assert derived is not None
    for field in ("name", "sample_rate", "blocks", "dimension", "bundle", "level_from", "source"):
        assert getattr(record, field) == getattr(derived, field), field
    assert record.transport == dataclasses.replace(
        derived.transport, sha256=record.transport.sha256
    )
    assert record.licence.startswith(derived.licence)


def test_eight_members_have_records() -> None:
    assert len(OURS) == 8


@pytest.mark.parametrize("name", ["WAV2VEC2_XLSR53", "hubert_xlarge", "Wav2Vec2_ASR_Large_960H"])
def test_other_bundles_are_known_by_their_name(name: str) -> None:
    record = get_record(name)
    assert record.name == name.lower()
    assert record.blocks in (24, 48)
    assert record.licence == "MIT"
    assert record.transport.sha256 is None
    assert record.transport.address.startswith("https://download.pytorch.org/torchaudio/models/")


def test_restrictive_licences_are_told() -> None:
    assert get_record("MMS_FA").licence == "CC-BY-NC 4.0"
    assert get_record("VOXPOPULI_ASR_BASE_10K_DE").licence == "CC BY-NC 4.0"


def test_a_name_that_torchaudio_does_not_know() -> None:
    with pytest.raises(EarwitnessError, match="called 'wavlm_bas'; did you mean 'wavlm_base'"):
        get_record("wavlm_bas")
