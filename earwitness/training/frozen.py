"""The frozen baseline of a pretrained member, on the stored activations of a fold."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.schema.finetune import FinetuneParams
from earwitness.store.items import Items
from earwitness.training.baseline import LinearBaseline, fit_baseline
from earwitness.training.data import compute_logits
from earwitness.training.runtime import Runtime
from earwitness.training.stored import StoredFold

FloatArray = NDArray[np.float32]


class _Levels(nn.Module):
    """The frozen network as a module, so that `compute_logits` can batch it."""

    def __init__(self, model: PretrainedClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, boundary: Tensor, levels: Tensor) -> Tensor:
        return self.model.pool_levels(boundary, levels)


def _pooled(
    model: PretrainedClassifier,
    boundary: Sequence[Items],
    levels: Sequence[Items],
    views: int,
    runtime: Runtime,
) -> FloatArray:
    """Pooled levels (views n, D), view after view."""
    pool = _Levels(model).to(runtime.device)
    inputs = list(zip(boundary, levels, strict=True))[:views]
    return np.concatenate([compute_logits(pool, one, runtime).numpy() for one in inputs])


def fit_frozen_head(
    model: PretrainedClassifier, data: StoredFold, params: FinetuneParams, runtime: Runtime
) -> LinearBaseline:
    """Fit the frozen baseline on the training clips, its strength chosen on validation.

    Parameters
    ----------
    model : PretrainedClassifier
        With its pretrained weights.
    data : StoredFold
        Training clips to fit on, validation clips to choose the strength.
    params : FinetuneParams
        `baseline_c` and `baseline_views`.
    runtime : Runtime
        Device.

    Returns
    -------
    LinearBaseline
        What was fitted.
    """
    views = min(params.baseline_views, len(data.train_boundary))
    train = _pooled(model, data.train_boundary, data.train_levels, views, runtime)
    validation = _pooled(model, data.validation_boundary, data.validation_levels, 1, runtime)
    return fit_baseline(
        train,
        np.tile(data.train_targets, views),
        (validation, data.validation_targets),
        params.baseline_c,
    )


def refit_frozen_head(
    model: PretrainedClassifier,
    data: StoredFold,
    params: FinetuneParams,
    runtime: Runtime,
    c: float,
) -> LinearBaseline:
    """Fit the frozen baseline once more, on training and validation clips.

    Parameters
    ----------
    model : PretrainedClassifier
        With its pretrained weights.
    data : StoredFold
        All of its clips are fitted on.
    params : FinetuneParams
        `baseline_views`.
    runtime : Runtime
        Device.
    c : float
        The strength that validation has chosen.

    Returns
    -------
    LinearBaseline
        What was fitted.
    """
    views = min(params.baseline_views, len(data.train_boundary))
    train = _pooled(model, data.train_boundary, data.train_levels, views, runtime)
    rest = _pooled(model, data.validation_boundary, data.validation_levels, views, runtime)
    targets = [np.tile(data.train_targets, views), np.tile(data.validation_targets, views)]
    return fit_baseline(np.concatenate([train, rest]), np.concatenate(targets), None, (c,))


def start_head(model: PretrainedClassifier, baseline: LinearBaseline) -> None:
    """Let a head that was not trained say what the baseline says.

    Parameters
    ----------
    model : PretrainedClassifier
        The linear part of its head is set in place.
    baseline : LinearBaseline
        On the same levels.
    """
    head = model.head
    head.standardise.set(torch.from_numpy(baseline.mean), torch.from_numpy(baseline.std), 0.0)
    with torch.no_grad():
        head.linear.weight.copy_(torch.from_numpy(baseline.weight))
        head.linear.bias.copy_(torch.from_numpy(baseline.bias))
