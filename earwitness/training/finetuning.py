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
from earwitness.inference.checkpoint import JUDGED, write_checkpoint
from earwitness.labels import ClassEntry
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.model import Layers
from earwitness.schema.prepare import PrepareParams
from earwitness.training.activations import ActivationExamples
from earwitness.training.data import EpochRow, ValidationData, compute_logits
from earwitness.training.frozen import fit_frozen_head, refit_frozen_head, start_head
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
        (data.validation_boundary[0], data.validation_levels[0]),
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
    temperature, because the two differ in sharpness more than in accuracy. Once that is
    settled, a frozen model may be refitted with the validation clips (`refit`).

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
    start_head(model, baseline)
    label = f"{backbone.record.name} {directory.name}"
    rows, outcome = _tune(model, data, len(classes), params, runtime, seed, state, label)
    judged = {name: tensor.clone() for name, tensor in model.head.state_dict().items()}
    refitted = params.refit and outcome["kept"] == "frozen"
    if refitted:
        start_head(model, refit_frozen_head(model, data, params, runtime, baseline.c))
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
        "refitted": refitted,
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
    if refitted:
        tensors[JUDGED] = {f"head.{name}": tensor for name, tensor in judged.items()}
    write_checkpoint(directory, config, tensors, [asdict(row) for row in rows])
    state.clear()
    return config
