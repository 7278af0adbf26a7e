"""Members at random weights that let the signal through, and clips for them."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from earwitness.backbones.base import Backbone
from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.weights import build_backbone
from earwitness.export.facts import Facts
from earwitness.inference.checkpoint import write_checkpoint
from earwitness.inference.member import Member
from earwitness.schema.finetune import HeadParams
from tests.nets.settings import KINDS
from tests.trained import CLASSES, FEATURES

HEAD = HeadParams(8, 0.1)
COMMON: dict[str, Any] = {"seconds": 1.0, "resampler": "HQ", "classes": CLASSES}


def clips(rate: int, count: int = 3) -> np.ndarray:
    """A tone in noise, one that begins after half a second of nothing, one that is very soft."""
    time = np.arange(rate) / rate
    noise = np.random.default_rng(0).normal(0, 0.1, size=(count, rate))
    waves = noise + 0.3 * np.sin(2 * np.pi * 440 * np.arange(1, count + 1)[:, None] * time)
    waves[1, : rate // 2] = 0
    waves[2] *= 1e-4
    return waves.astype(np.float32)


def write_network(folder: Path, kind: str, rate: int = 16000, name: str = "") -> Path:
    """Write a network of `tests.nets.settings`, for clips of a second."""
    made = KINDS[kind]
    network = made.build(classes=len(CLASSES))
    features: dict[str, Any] = {"kind": "waveform", "sample_rate": rate, "dtype": "float16"}
    if made.name != "conv1d":
        channels = ("log_mel", "pcen")[: made.channels]
        features = asdict(replace(FEATURES, n_mels=made.mels, n_fft=1024, channels=channels))
        mean, std = torch.tensor([-40.0, 2.0]), torch.tensor([20.0, 1.0])
        network.standardise.set(  # type: ignore[operator, union-attr]
            mean[: made.channels, None, None], std[: made.channels, None, None], 0.01
        )
    _enliven(network)
    config = {
        "kind": "network",
        "member": name or made.name,
        "network": made.name,
        "net": made.net,
        "features": features,
        "sample_rate": rate,
    }
    write_checkpoint(folder, config | COMMON, {"model": network.state_dict()}, [])
    return folder


def write_backbone(folder: Path, name: str, backbone: Backbone | None = None) -> Path:
    """Write a pretrained member, at random weights where no backbone is given."""
    torch.manual_seed(0)
    if backbone is None:
        backbone = build_backbone(name)
        _enliven(backbone)
    classifier = PretrainedClassifier(backbone, 2, len(CLASSES), HEAD).eval()
    rate = backbone.record.sample_rate
    with torch.inference_mode():
        x = backbone.front_end(torch.from_numpy(clips(rate)))
        levels = backbone.run(x, 0, len(backbone.blocks))[1]
    classifier.head.standardise.set(levels.mean(0), levels.std(0), 0.01)
    nn.init.normal_(classifier.head.linear.weight, std=0.1)
    nn.init.normal_(classifier.head.attended.weight, std=0.1)
    config = {
        "kind": "backbone",
        "member": name,
        "backbone": name,
        "unfrozen": 2,
        "layers": "weighted",
        "head": asdict(HEAD),
        "sample_rate": rate,
    }
    write_checkpoint(folder, config | COMMON, {"model": classifier.state_dict()}, [])
    return folder


def describe(member: Member, **changes: Any) -> Facts:
    """What a member's files say of it."""
    values: dict[str, Any] = {
        "earwitness": 1,
        "model": member.name,
        "fold": 1,
        "sample_rates": (member.sample_rate,),
        "seconds": member.seconds,
        "resampler": member.resampler,
        "classes": tuple(entry["category"] for entry in member.classes),
        "targets": tuple(entry["target"] for entry in member.classes),
        "output": "logits",
        "temperatures": {member.name: 2.0},
        "weights": {},
        "tta_shifts_seconds": (0.0,),
    }
    return Facts(**values | changes)


def _enliven(module: nn.Module) -> None:
    """Weights through which a signal neither fades nor grows."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
