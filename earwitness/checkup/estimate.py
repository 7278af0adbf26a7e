"""How much time, memory and disk each stage is going to take.

Weights and data of the trials are random: they cost what others do.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.audio.decode import load_clip, samples_in
from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.weights import build_backbone
from earwitness.checkup.trial import (
    Scope,
    copies,
    noise,
    resident_memory,
    shortened,
    targets,
    time_pass,
    time_step,
)
from earwitness.checkup.work import Work
from earwitness.features.spectrogram import build_front_end
from earwitness.schema.features import FeatureParams, WaveformParams
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.train import TrainParams
from earwitness.schema.trunk import TrunkParams
from earwitness.training.activations import ActivationExamples
from earwitness.training.data import compute_logits
from earwitness.training.finetuning import rate_groups
from earwitness.training.optimiser import parameter_groups
from earwitness.training.scratch import build_network
from earwitness.training.spectrograms import SpectrogramExamples

FLOAT = 4  # bytes


def estimate_prepare(
    paths: Sequence[Path], rates: Sequence[int], quality: str, workers: int, scope: Scope
) -> Work:
    """Estimate the stage ``prepare`` from a few of its files.

    Parameters
    ----------
    paths : sequence of Path
        The files; with none, no time is estimated.
    rates : sequence of int
        Sample rates that are stored, in Hz.
    quality : str
        Of the resampling.
    workers : int
        Threads that decode.
    scope : Scope
        What there is to do.

    Returns
    -------
    Work
        Of the whole stage.
    """
    began = time.perf_counter()
    for path in paths:
        for rate in rates:
            load_clip(path, rate, scope.seconds, quality)
    seconds = (time.perf_counter() - began) / max(1, len(paths)) * scope.clips / workers
    disk = scope.clips * sum(samples_in(scope.seconds, rate) for rate in rates) * FLOAT
    return Work("prepare", 1, seconds, disk, resident_memory(), Path("data/prepared"))


def estimate_network(
    name: str, params: TrainParams, features: FeatureParams | WaveformParams, scope: Scope
) -> list[Work]:
    """Estimate what a network trained from scratch takes, and its features.

    Parameters
    ----------
    name : str
        Module in `earwitness.nets`.
    params : TrainParams
        Section ``train.<name>``.
    features : FeatureParams or WaveformParams
        Section ``features.<name>``.
    scope : Scope
        What there is to do.

    Returns
    -------
    list of Work
        Of ``features``, ``train`` and ``predict``.
    """
    front_end = build_front_end(features)
    waveforms = noise(samples_in(scope.seconds, features.sample_rate))
    seconds, wide = time_pass(lambda: np.stack([front_end(clip) for clip in waveforms]))
    stored = wide.astype(features.dtype)
    disk = scope.clips * stored[0].nbytes
    store = Path(f"data/features/{name}.h5")
    all_features = Work(
        f"features@{name}",
        1,
        seconds * scope.clips,
        disk,
        resident_memory() + stored[0].nbytes,
        store,
    )
    loop = shortened(params.loop)
    classes = targets(scope.classes, loop)
    examples = SpectrogramExamples(
        *(copies(stored, loop), features.channels, classes),
        *(scope.classes, params.augment, 0),
    )
    model = build_network(name, params, examples, scope.classes, 0)
    groups = parameter_groups([(model, params.lr)], params.loop.weight_decay)
    inputs = (torch.from_numpy(wide),)
    step = time_step(model, groups, loop, scope.runtime, examples, inputs)
    forward = time_pass(lambda: compute_logits(model, inputs, scope.runtime))[0]
    memory = scope.train * stored[0].nbytes + scope.validation * wide[0].nbytes
    training = _training(f"train@{name}", model, step * params.loop.epochs, memory, scope)
    return [all_features, training, _predicting(name, seconds + forward, scope)]


def estimate_backbone(
    name: str, unfrozen: int, params: FinetuneParams, trunk: TrunkParams, scope: Scope
) -> list[Work]:
    """Estimate what a pretrained backbone takes.

    Parameters
    ----------
    name : str
        As in the registry.
    unfrozen : int
        Blocks that are fine-tuned.
    params : FinetuneParams
        Section ``finetune.<name>``.
    trunk : TrunkParams
        Section ``trunk``.
    scope : Scope
        What there is to do.

    Returns
    -------
    list of Work
        Of ``trunk``, ``finetune`` and ``predict``.
    """
    backbone = build_backbone(name)
    model = PretrainedClassifier(backbone, unfrozen, scope.classes, params.head)
    model.to(scope.runtime.device)
    waveforms = torch.from_numpy(noise(samples_in(scope.seconds, backbone.record.sample_rate)))
    waveforms = waveforms.to(scope.runtime.device)

    @torch.no_grad()
    def run_frozen() -> tuple[Tensor, Tensor]:
        return backbone.run(backbone.front_end(waveforms), 0, model.boundary)

    seconds, inputs = time_pass(run_frozen)
    boundary, levels = (part.cpu().numpy() for part in inputs)
    boundary = boundary.astype(trunk.dtype)
    clip_bytes = boundary[0].nbytes + levels[0].nbytes
    # Without fine-tuning nothing but the baseline reads them (stages/trunk.py).
    views = trunk.views if unfrozen else min(trunk.views, params.baseline_views)
    store = Path(f"data/trunk/{name}.h5")
    memory = resident_memory() + trunk.batch_size * clip_bytes
    runs = views * scope.clips
    frozen = Work(f"trunk@{name}", 1, seconds * runs, runs * clip_bytes, memory, store)
    step = 0.0
    if unfrozen and params.keep != "frozen":
        loop = shortened(params.loop)
        examples = ActivationExamples(
            [copies(boundary, loop)],
            [copies(levels, loop)],
            targets(scope.classes, loop),
            scope.classes,
            (params.mixup_alpha, params.mixup_probability),
            0,
        )
        groups = rate_groups(model, params)
        step = time_step(model, groups, loop, scope.runtime, examples, inputs)
    forward = time_pass(lambda: compute_logits(model, inputs, scope.runtime))[0]
    memory = (views * scope.train + scope.validation) * clip_bytes
    training = _training(f"finetune@{name}", model, step * params.loop.epochs, memory, scope)
    return [frozen, training, _predicting(name, seconds + forward, scope)]


def _training(stage: str, model: nn.Module, seconds: float, memory: int, scope: Scope) -> Work:
    """Describe a training stage that takes so many seconds a clip in all epochs."""
    weights = sum(tensor.nbytes for tensor in model.state_dict().values())
    return Work(
        stage,
        scope.folds,
        seconds * scope.train * scope.folds,
        weights * scope.folds,
        min(memory, scope.memory) + resident_memory(),
        Path("models/members") / stage.partition("@")[2],
    )


def _predicting(member: str, seconds: float, scope: Scope) -> Work:
    """Describe the stage ``predict``, at so many seconds a clip and shift."""
    clips = scope.folds * (scope.validation + scope.test)
    return Work(
        f"predict@{member}",
        scope.folds,
        clips * scope.shifts * seconds,
        clips * 2 * scope.classes * FLOAT,
        resident_memory(),
        Path("data/predictions") / member,
    )
