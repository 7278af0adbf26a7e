"""Fine-tuning the last blocks of a pretrained backbone on one fold."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.backbones.base import Backbone
from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.calibration import fit_temperature, negative_log_likelihood
from earwitness.inference.checkpoint import write_checkpoint
from earwitness.labels import ClassEntry
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.model import Layers
from earwitness.schema.prepare import PrepareParams
from earwitness.training.activations import ActivationExamples
from earwitness.training.baseline import LinearBaseline, fit_baseline
from earwitness.training.data import EpochRow, ValidationData, compute_logits
from earwitness.training.loop import Trainer
from earwitness.training.optimiser import parameter_groups
from earwitness.training.runtime import Runtime, describe_runtime
from earwitness.training.state import TrainingState
from earwitness.training.stored import StoredFold

IntArray = NDArray[np.int64]


def rate_groups(model: PretrainedClassifier, params: FinetuneParams) -> list[dict[str, Any]]:
    """Give the head its own rate, and each block further down a lower one.

    Parameters
    ----------
    model : PretrainedClassifier
        Knows which blocks are trained.
    params : FinetuneParams
        `lr_head`, `lr_backbone`, `layer_decay`.

    Returns
    -------
    list of dict
        Parameter groups for the optimiser.
    """

    def rates() -> Iterator[tuple[nn.Module, float]]:
        yield model.head, params.lr_head
        blocks = list(model.backbone.blocks[model.boundary :])
        for depth, block in enumerate(reversed(blocks)):
            yield block, params.lr_backbone * params.layer_decay**depth

    return parameter_groups(rates(), params.loop.weight_decay)


class _Levels(nn.Module):
    """The frozen network as a module, so that `compute_logits` can batch it."""

    def __init__(self, model: PretrainedClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, boundary: Tensor, levels: Tensor) -> Tensor:
        return self.model.pool_levels(boundary, levels)


def fit_frozen_head(
    model: PretrainedClassifier, data: StoredFold, params: FinetuneParams, runtime: Runtime
) -> LinearBaseline:
    """Fit the frozen baseline and start the head from it.

    Parameters
    ----------
    model : PretrainedClassifier
        Its head is set in place.
    data : StoredFold
        Training clips to fit on, validation clips to choose the strength.
    params : FinetuneParams
        `baseline_c`.
    runtime : Runtime
        Device.

    Returns
    -------
    LinearBaseline
        What was fitted.
    """
    pool = _Levels(model).to(runtime.device)
    parts = [
        (data.train_boundary[0], data.train_levels[0]),
        (data.validation_boundary, data.validation_levels),
    ]
    train, validation = (compute_logits(pool, inputs, runtime).numpy() for inputs in parts)
    baseline = fit_baseline(
        train, data.train_targets, (validation, data.validation_targets), params.baseline_c
    )
    head = model.head
    head.standardise.set(torch.from_numpy(baseline.mean), torch.from_numpy(baseline.std), 0.0)
    with torch.no_grad():
        head.linear.weight.copy_(torch.from_numpy(baseline.weight))
        head.linear.bias.copy_(torch.from_numpy(baseline.bias))
    return baseline


def _validation_scores(logits: Tensor, targets: IntArray) -> dict[str, float]:
    array = logits.numpy()
    temperature = fit_temperature(array, targets)
    return {
        "nll": round(negative_log_likelihood(array, targets, temperature), 6),
        "top1": round(float((array.argmax(1) == targets).mean()), 6),
    }


def _tune(
    model: PretrainedClassifier,
    data: StoredFold,
    classes: int,
    params: FinetuneParams,
    runtime: Runtime,
    seed: int,
    state: TrainingState,
    label: str,
) -> tuple[list[EpochRow], dict[str, Any]]:
    """Fine-tune from the frozen baseline, and keep whichever validation prefers."""
    validation = ValidationData(
        (data.validation_boundary, data.validation_levels),
        torch.from_numpy(data.validation_targets),
    )

    def score() -> dict[str, float]:
        logits = compute_logits(model, validation.inputs, runtime)
        return _validation_scores(logits, data.validation_targets)

    frozen_state = {k: v.clone() for k, v in model.state_dict().items()}
    report: dict[str, Any] = {"frozen": score(), "finetuned": None}
    if params.keep == "frozen" or params.loop.epochs == 0 or not model.unfrozen:
        return [], {"kept": "frozen", "validation": report}
    examples = ActivationExamples(
        data.train_boundary,
        data.train_levels,
        data.train_targets,
        classes,
        (params.mixup_alpha, params.mixup_probability),
        seed,
    )
    trainer = Trainer(model, rate_groups(model, params), params.loop, runtime, seed)
    rows = trainer.fit(examples, validation, state, label)
    report["finetuned"] = score()
    better = report["finetuned"]["nll"] < report["frozen"]["nll"]
    if params.keep == "better" and not better:
        model.load_state_dict(frozen_state)
        return rows, {"kept": "frozen", "validation": report}
    return rows, {"kept": "finetuned", "validation": report}


def finetune(
    backbone: Backbone,
    unfrozen: int,
    data: StoredFold,
    classes: Sequence[ClassEntry],
    params: FinetuneParams,
    *,
    layers: Layers = "weighted",
    prepared: PrepareParams,
    runtime: Runtime,
    seed: int,
    state: TrainingState,
    directory: Path,
) -> dict[str, Any]:
    """Train a pretrained member on one fold and write its folder.

    The linear classifier on the frozen network comes first; fine-tuning starts from it and
    has to beat it on validation, measured by the negative log-likelihood at the best
    temperature, because the two differ in sharpness more than in accuracy.

    Parameters
    ----------
    backbone : Backbone
        With its pretrained weights.
    unfrozen : int
        Blocks to fine-tune.
    data : StoredFold
        Stored activations.
    classes : sequence of ClassEntry
        In the order of the logits.
    params : FinetuneParams
        Section ``finetune.<backbone>``.
    layers : {"weighted", "last"}
        What the head sees (``model.layers``).
    prepared : PrepareParams
        How the clips were made, kept with the model, which later makes its own.
    runtime : Runtime
        Device and precision.
    seed : int
        Of the head's weights, the order and the mixing.
    state : TrainingState
        Survives a kill.
    directory : Path
        Output folder.

    Returns
    -------
    dict
        The config written: which model was kept, and both models' validation scores.
    """
    torch.manual_seed(seed)
    model = PretrainedClassifier(backbone, unfrozen, len(classes), params.head, layers)
    model.to(runtime.device)
    baseline = fit_frozen_head(model, data, params, runtime)
    label = f"{backbone.record.name} {directory.name}"
    rows, outcome = _tune(model, data, len(classes), params, runtime, seed, state, label)
    config = {
        "member": backbone.record.name,
        "kind": "backbone",
        "backbone": backbone.record.name,
        "sample_rate": backbone.record.sample_rate,
        "seconds": prepared.seconds,
        "resampler": prepared.resampler,
        "unfrozen": unfrozen,
        "layers": layers,
        "selected": params.loop.select,
        "trained_with": describe_runtime(runtime),
        "baseline_c": baseline.c,
        **outcome,
        "classes": list(classes),
        "head": asdict(params.head),
    }
    whole = model.state_dict()
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    trained |= {name for name in whole if name.startswith("head.")}
    tensors = {
        "model": {name: whole[name] for name in whole if name in trained},
        "trunk": {name: whole[name] for name in whole if name not in trained},
    }
    write_checkpoint(directory, config, tensors, [asdict(row) for row in rows])
    state.clear()
    return config
