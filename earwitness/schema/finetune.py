"""Pretrained members (section ``finetune.<backbone>``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT
from earwitness.schema.optimisation import Fraction, LoopParams, NonNegative

Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, config=STRICT)
class HeadParams:
    """The classifier on the pooled levels and the attended last block.

    Attributes
    ----------
    attention_hidden : int
        Width of the attention's Tanh layer.
    dropout : float
        On both inputs of the classifier.
    """

    attention_hidden: Annotated[int, Field(ge=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=STRICT)
class FinetuneParams:
    """Section ``finetune.<backbone>``.

    Attributes
    ----------
    unfreeze_last_n : int or None
        Overrides ``model.unfreeze_last_n`` for this backbone.
    baseline_c : tuple of float
        Inverse regularisation strengths of the frozen baseline (a logistic regression on
        the pooled levels) to choose from on validation.
    baseline_views : int
        Stored views of each training clip that the baseline is fitted on.
    refit : bool
        Whether a frozen model that was kept is fitted once more, on training and validation
        clips, at the chosen strength. What is said of validation clips, on which the ensemble
        is fitted, stays that of the first fit.
    keep : {"better", "finetuned", "frozen"}
        Which model the member is: the one with the lower validation loss, or a fixed one.
    lr_head, lr_backbone : float
        Peak learning rates of the head and of the last block.
    layer_decay : float
        Factor on the rate for each block further down.
    mixup_alpha, mixup_probability : float
        Mixup of activations at the boundary (manifold mixup, Verma et al. 2019).
    head : HeadParams
        The classifier.
    loop : LoopParams
        The rest of the optimisation.
    """

    unfreeze_last_n: Annotated[int, Field(ge=0)] | None
    baseline_c: tuple[Positive, ...]
    baseline_views: Annotated[int, Field(ge=1)]
    refit: bool
    keep: Literal["better", "finetuned", "frozen"]
    lr_head: Positive
    lr_backbone: Positive
    layer_decay: Fraction
    mixup_alpha: NonNegative
    mixup_probability: Fraction
    head: HeadParams
    loop: LoopParams

    def __post_init__(self) -> None:
        """Check what no single field can tell."""
        if not self.baseline_c:
            raise ValueError("baseline_c needs at least one strength")
