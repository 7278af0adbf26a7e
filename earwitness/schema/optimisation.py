"""What the training loop needs to know, whichever model it trains."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=STRICT)
class LoopParams:
    """Optimisation settings.

    Attributes
    ----------
    epochs : int
        Passes over the training clips.
    batch_size : int
        Clips per optimiser step.
    accumulate : int
        Micro-batches a step is computed in: less memory for the same step, but that batch
        normalisation sees each micro-batch alone.
    schedule : {"onecycle", "cosine", "constant"}
        Learning-rate schedule, per step.
    warmup : float
        Share of the steps with a rising rate (onecycle and cosine).
    weight_decay : float
        AdamW's, on matrices only: biases and normalisation scales are left alone.
    clip_norm : float
        Largest norm of the gradient; 0 for no clipping.
    label_smoothing : float
        Share of the target spread evenly over all classes.
    ema_decay : float
        Decay a step of the exponential moving average of the weights.
    select : {"ema", "last", "best_val"}
        Which weights are kept: the moving average's, the last epoch's, or those (of the
        moving average) with the least validation loss.
    """

    epochs: Annotated[int, Field(ge=0)]
    batch_size: PositiveInt
    accumulate: PositiveInt
    schedule: Literal["onecycle", "cosine", "constant"]
    warmup: Fraction
    weight_decay: NonNegative
    clip_norm: NonNegative
    label_smoothing: Fraction
    ema_decay: Fraction
    select: Literal["ema", "last", "best_val"]
