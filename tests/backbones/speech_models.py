"""Speech models of torchaudio at random weights, as files of torch's hub."""

import dataclasses
from importlib import import_module
from pathlib import Path

import pytest
import torch
import torchaudio
from torch import Tensor
from torchaudio import pipelines

from earwitness.backbones.registry import get_record
from earwitness.backbones.speech import SpeechBackbone, build, convert


def publish(bundle: pipelines.Wav2Vec2Bundle, checkpoints: Path) -> Path:
    """Write a checkpoint with random numbers in the form of the published ones."""
    wavlm = bundle._model_type == "WavLM"
    make = torchaudio.models.wavlm_model if wavlm else torchaudio.models.wav2vec2_model
    with torch.device("meta"):
        shapes = make(**bundle._params).state_dict()
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, tensor in shapes.items():
        spread = 1 / max(tensor[0].numel(), 1) ** 0.5 if tensor.dim() > 1 else 0.1
        # The published files are older than torch's present form of weight normalisation.
        name = name.replace("parametrizations.weight.original0", "weight_g")
        name = name.replace("parametrizations.weight.original1", "weight_v")
        values = torch.randn(tensor.shape, generator=generator) * spread
        shift = 1.0 if "norm.weight" in name or name.endswith(("weight_g", "_const")) else 0.0
        state[name] = values + shift
    if "aux.weight" in state:  # published with rows for three letters that nothing was trained on
        state["aux.weight"] = torch.cat(
            [state["aux.weight"], torch.zeros(3, len(state["aux.weight"][0]))]
        )
        state["aux.bias"] = torch.cat([state["aux.bias"], torch.zeros(3)])
    checkpoints.mkdir(parents=True, exist_ok=True)
    path = checkpoints / bundle._path
    torch.save(state, path)
    return path


def shorten(monkeypatch: pytest.MonkeyPatch, name: str, layers: int = 3) -> None:
    """Give a bundle of torchaudio fewer layers for the length of a test."""
    bundle = getattr(pipelines, name)
    params = {**bundle._params, "encoder_num_layers": layers}
    monkeypatch.setattr(pipelines, name, dataclasses.replace(bundle, _params=params))


def shrink(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make a bundle of torchaudio, and our record of it, tiny for the length of a test."""
    bundle, record = getattr(pipelines, name), get_record(name)
    params = {
        **bundle._params,
        "extractor_conv_layer_config": [(16, 10, 5), (16, 3, 2), (16, 16, 32)],
        "encoder_embed_dim": 24,
        "encoder_num_layers": 3,
        "encoder_num_heads": 4,
        "encoder_ff_interm_features": 32,
        "encoder_pos_conv_kernel": 8,
        "encoder_pos_conv_groups": 4,
    }
    monkeypatch.setattr(pipelines, name, dataclasses.replace(bundle, _params=params))
    module = import_module(f"earwitness.backbones.records.{record.name}")
    small = dataclasses.replace(record, blocks=3, dimension=24)
    monkeypatch.setattr(module, "RECORD", small)


def load_both(name: str, checkpoints: Path) -> tuple[SpeechBackbone, torch.nn.Module]:
    """Load a checkpoint as our backbone, and as torchaudio does."""
    bundle = getattr(pipelines, name)
    path = publish(bundle, checkpoints)
    whole = bundle.get_model(dl_kwargs={"weights_only": True, "progress": False})
    record = dataclasses.replace(get_record(name), blocks=bundle._params["encoder_num_layers"])
    ours = build(record).eval()
    ours.load_state_dict(convert(record, path)[0])
    path.unlink()
    return ours, whole


def clips(count: int = 2, samples: int = 16000) -> Tensor:
    """Noise at levels 40 dB apart, each with a tone of its own."""
    generator = torch.Generator().manual_seed(1)
    levels = 10 ** torch.linspace(-2, 0, count)[:, None]
    time = torch.arange(samples) / 16000
    tones = torch.sin(2 * torch.pi * 220 * torch.arange(1, count + 1)[:, None] * time)
    return levels * (0.3 * torch.randn(count, samples, generator=generator) + 0.3 * tones)
