"""Training a network from scratch on one fold."""

import importlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from earwitness.inference.checkpoint import write_checkpoint
from earwitness.labels import ClassEntry
from earwitness.schema.features import FeatureParams, WaveformParams
from earwitness.schema.prepare import PrepareParams
from earwitness.schema.train import TrainParams
from earwitness.store.items import Items
from earwitness.training.data import ValidationData
from earwitness.training.loop import Trainer
from earwitness.training.optimiser import parameter_groups
from earwitness.training.runtime import Runtime, describe_runtime
from earwitness.training.spectrograms import SpectrogramExamples
from earwitness.training.state import TrainingState

# Below this many dB (or units of PCEN) a channel counts as constant.
STD_FLOOR = 1e-2


def build_network(
    name: str, params: TrainParams, examples: SpectrogramExamples, classes: int, seed: int
) -> nn.Module:
    """Make a network with seeded weights and the training clips' statistics.

    Parameters
    ----------
    name : str
        Module in `earwitness.nets`.
    params : TrainParams
        Its settings.
    examples : SpectrogramExamples
        Give shape and statistics of the input.
    classes : int
        Outputs.
    seed : int
        Of the initial weights.

    Returns
    -------
    nn.Module
        Ready to train.
    """
    torch.manual_seed(seed)
    _, channels, mels, _ = examples.features.shape
    model: nn.Module = importlib.import_module(f"earwitness.nets.{name}").build(
        params.net, channels=channels, mels=mels, classes=classes
    )
    mean, std = torch.from_numpy(examples.mean), torch.from_numpy(examples.std)
    model.standardise.set(mean, std, STD_FLOOR)  # type: ignore[operator, union-attr]
    return model


def train_network(
    name: str,
    features: tuple[Items, Items],
    targets: tuple[NDArray[np.int64], NDArray[np.int64]],
    classes: Sequence[ClassEntry],
    params: TrainParams,
    feature_params: FeatureParams | WaveformParams,
    *,
    prepared: PrepareParams,
    runtime: Runtime,
    seed: int,
    state: TrainingState,
    directory: Path,
) -> None:
    """Train one network on one fold and write its folder.

    Parameters
    ----------
    name : str
        Module in `earwitness.nets`; also the member's name.
    features : tuple of Items [shape=(n, channels, n_mels, frames)]
        Of the training and of the validation clips: arrays, or read from a store.
    targets : tuple of np.ndarray [shape=(n,)]
        Their class indices.
    classes : sequence of ClassEntry
        In the order of the logits.
    params : TrainParams
        Section ``train.<name>``.
    feature_params : FeatureParams or WaveformParams
        Kept with the model, which later computes its own features.
    prepared : PrepareParams
        How the clips were made, kept with the model, which later makes its own.
    runtime : Runtime
        Device and precision.
    seed : int
        Of weights, order and augmentation.
    state : TrainingState
        Survives a kill.
    directory : Path
        Output folder.
    """
    examples = SpectrogramExamples(
        *(features[0], feature_params.channels, targets[0], len(classes), params.augment, seed)
    )
    model = build_network(name, params, examples, len(classes), seed)
    groups = parameter_groups([(model, params.lr)], params.loop.weight_decay)
    trainer = Trainer(model, groups, params.loop, runtime, seed)
    validation = ValidationData((features[1],), torch.from_numpy(targets[1]))
    rows = trainer.fit(examples, validation, state, f"{name} {directory.name}")
    config = {
        "member": name,
        "kind": "network",
        "network": name,
        "sample_rate": feature_params.sample_rate,
        "seconds": prepared.seconds,
        "resampler": prepared.resampler,
        "selected": params.loop.select,
        "trained_with": describe_runtime(runtime),
        "classes": list(classes),
        "features": asdict(feature_params),
        "net": asdict(params.net),
    }
    write_checkpoint(
        directory, config, {"model": model.state_dict()}, [asdict(row) for row in rows]
    )
    state.clear()
