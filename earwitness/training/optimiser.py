"""AdamW with a rate a group, and the learning-rate schedules."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from earwitness.schema.optimisation import LoopParams

_START, _END = 1 / 25, 1e-4  # OneCycle's usual divisors, as shares of the peak rate


def parameter_groups(
    modules: Iterable[tuple[nn.Module, float]], weight_decay: float
) -> list[dict[str, Any]]:
    """Group parameters by learning rate and by whether they decay.

    Parameters
    ----------
    modules : iterable of (nn.Module, float)
        Each with its peak learning rate; parameters that need no gradient are left out.
    weight_decay : float
        For matrices and kernels; vectors (biases, normalisation scales) do not decay.

    Returns
    -------
    list of dict
        Groups for `torch.optim.AdamW`, with the peak rate under ``peak_lr`` too.
    """
    groups = []
    for module, lr in modules:
        trainable = [p for p in module.parameters() if p.requires_grad]
        for decays in (True, False):
            chosen = [p for p in trainable if (p.ndim > 1) == decays]
            if chosen:
                decay = weight_decay if decays else 0.0
                groups.append({"params": chosen, "lr": lr, "peak_lr": lr, "weight_decay": decay})
    return groups


def schedule_factor(step: int, total: int, params: LoopParams) -> float:
    """Share of the peak learning rate at a step.

    A function of the step alone, so that a resumed run has nothing to restore.

    Parameters
    ----------
    step : int
        From 0 to ``total - 1``.
    total : int
        Optimiser steps of the whole run.
    params : LoopParams
        `schedule` and `warmup`.

    Returns
    -------
    float
        In (0, 1].
    """
    if params.schedule == "constant":
        return 1.0
    rising = params.warmup * total
    start, end = (_START, _END) if params.schedule == "onecycle" else (0.0, 1e-3)
    if step < rising:
        progress = (step + 1) / rising
        if params.schedule == "cosine":  # linear warm-up, cosine descent
            return min(progress, 1.0)
        return start + (1 - start) * (1 - math.cos(math.pi * min(progress, 1.0))) / 2
    progress = (step - rising) / max(total - rising, 1)
    return end + (1 - end) * (1 + math.cos(math.pi * progress)) / 2


def set_rates(optimiser: torch.optim.Optimizer, factor: float) -> float:
    """Set each group's learning rate to a share of its peak.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        With groups made by `parameter_groups`.
    factor : float
        Share of the peak.

    Returns
    -------
    float
        The largest rate set.
    """
    for group in optimiser.param_groups:
        group["lr"] = group["peak_lr"] * factor
    return float(max(group["lr"] for group in optimiser.param_groups))
