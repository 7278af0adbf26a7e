"""Members as training writes them, small and quick to make: used by several tests."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from earwitness.backbones.base import Backbone
from earwitness.backbones.weights import build_backbone
from earwitness.labels import ClassEntry
from earwitness.schema.features import FeatureParams, PcenParams
from earwitness.schema.finetune import FinetuneParams, HeadParams
from earwitness.schema.model import Layers
from earwitness.schema.nets.spec_cnn import NetParams
from earwitness.schema.optimisation import LoopParams
from earwitness.schema.prepare import PrepareParams
from earwitness.schema.train import SpecAugmentParams, TrainParams
from earwitness.store.items import Items
from earwitness.training.finetuning import finetune
from earwitness.training.runtime import Runtime
from earwitness.training.scratch import train_network
from earwitness.training.state import TrainingState
from earwitness.training.stored import StoredFold

CLASSES: list[ClassEntry] = [
    {"target": 0, "category": "dog"},
    {"target": 3, "category": "rain"},
    {"target": 9, "category": "saw"},
]
LOOP = LoopParams(
    epochs=2,
    batch_size=6,
    accumulate=1,
    schedule="cosine",
    warmup=0.1,
    weight_decay=0.0,
    clip_norm=1.0,
    label_smoothing=0.1,
    ema_decay=0.5,
    select="ema",
)
FEATURES = FeatureParams(
    kind="spectrogram",
    channels=("log_mel", "pcen"),
    sample_rate=16000,
    n_fft=512,
    win_samples=400,
    hop_samples=320,
    n_mels=16,
    f_min=20.0,
    f_max=8000.0,
    power=2.0,
    center=True,
    pad_mode="constant",
    norm="slaney",
    mel_scale="slaney",
    amin=1e-10,
    top_db=80.0,
    pcen=PcenParams(scale=2.0**31, gain=0.98, bias=2.0, power=0.5, time_constant=0.4, eps=1e-6),
    dtype="float16",
)
NET = NetParams((4, 8), 1, 4, 2, "stride", True, "mean_max", 0.1)
PREPARED = PrepareParams(seconds=1.0, resampler="HQ")
AUGMENT = SpecAugmentParams(0.5, 6.0, 3.0, 1, 4, 1, 4, 0.5, "between_class", 0.4, 0.5, 1.0)
CPU = Runtime(torch.device("cpu"), torch.float32)


def noise_features() -> np.ndarray:
    """Features of twelve clips, of which the first six are validation as well."""
    return np.random.default_rng(0).normal(size=(12, 2, 16, 51)).astype(np.float16)


def train_network_member(folder: Path, features: tuple[Items, Items] | None = None) -> Path:
    """Train the spectrogram CNN on noise."""
    noise = noise_features()
    targets = np.arange(12) % 3
    train_network(
        "spec_cnn",
        features or (noise, noise[:6]),
        (targets, targets[:6]),
        CLASSES,
        TrainParams(
            0.01, LOOP, AUGMENT, NetParams((4, 8), 1, 4, 2, "stride", True, "mean_max", 0.1)
        ),
        FEATURES,
        prepared=PREPARED,
        runtime=CPU,
        seed=0,
        state=TrainingState(folder.parent / "state.pt", "run"),
        directory=folder,
    )
    return folder


def finetune_params(**changes: Any) -> FinetuneParams:
    params = FinetuneParams(
        unfreeze_last_n=None,
        baseline_c=(0.01, 0.1),
        baseline_views=1,
        refit=False,
        keep="finetuned",
        lr_head=0.001,
        lr_backbone=0.001,
        layer_decay=0.5,
        mixup_alpha=0.4,
        mixup_probability=0.5,
        head=HeadParams(8, 0.1),
        loop=LOOP,
    )
    return replace(params, **changes)


def lively_backbone() -> Backbone:
    """YAMNet at random weights that let the signal through: the default ones fade it out."""
    torch.manual_seed(0)
    backbone = build_backbone("yamnet")
    for module in backbone.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return backbone


def stored_noise(unfrozen: int, backbone: Backbone | None = None) -> StoredFold:
    """What the trunk of a backbone, YAMNet at random weights, says of noise."""
    backbone = backbone or lively_backbone()
    stop = len(backbone.blocks) - unfrozen
    rng = np.random.default_rng(0)
    waveforms = rng.normal(0, 0.1, size=(12, 16000)).astype(np.float32)
    with torch.inference_mode():
        x = backbone.front_end(torch.from_numpy(waveforms))
        boundary, levels = (y.numpy() for y in backbone.run(x, 0, stop))
    targets = np.arange(12) % 3
    return StoredFold(
        *(boundary[None], levels[None], targets),
        *(boundary[None, :6], levels[None, :6], targets[:6]),
    )


def train_backbone(
    folder: Path,
    unfrozen: int,
    params: FinetuneParams,
    backbone: Backbone | None = None,
    layers: Layers = "weighted",
    data: StoredFold | None = None,
) -> dict[str, Any]:
    """Fine-tune a backbone, YAMNet at random weights, on what its own trunk says of noise."""
    backbone = backbone or lively_backbone()
    return finetune(
        backbone,
        unfrozen,
        data or stored_noise(unfrozen, backbone),
        CLASSES,
        params,
        layers=layers,
        prepared=PREPARED,
        runtime=CPU,
        seed=0,
        state=TrainingState(folder.parent / "state.pt", "run"),
        directory=folder,
    )


def train_ensemble(root: Path) -> Path:
    """An ensemble of two members and two folds, which differ in the rates of yamnet."""
    for fold, rate in (("fold1", 0.001), ("fold2", 0.03)):
        train_network_member(root / "members" / "spec_cnn" / fold)
        params = finetune_params(lr_head=rate, lr_backbone=rate)
        train_backbone(root / "members" / "yamnet" / fold, 1, params)
    fitted = {
        "weights": {"spec_cnn": 0.25, "yamnet": 0.5},
        "temperatures": {"spec_cnn": 2.0, "yamnet": 1.5},
        "tta_shifts_seconds": [0.0, 0.1],
    }
    content = {"members": ["spec_cnn", "yamnet"], "folds": {"1": fitted, "2": fitted}}
    (root / "ensemble.json").write_text(json.dumps(content))
    return root
