"""Fitting the ensemble (section ``ensemble``)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT

Method = Literal["log_linear", "greedy"]


@dataclass(frozen=True, config=STRICT)
class EnsembleParams:
    """Section ``ensemble``. Of several methods and shift counts, validation chooses.

    Attributes
    ----------
    methods : tuple of {"log_linear", "greedy"}
        Ways to find the weights: by minimising the validation loss, or by adding members one
        by one (Caruana et al. 2004).
    l2 : float
        Log-linear: penalty on the squared distance of the weights from uniform ones, per clip
        of NLL.
    greedy_steps : int
        Greedy: members added, with replacement.
    shift_counts : tuple of int
        How many of ``predict.tta_shifts_seconds``, from the first on, are averaged.
    """

    methods: Annotated[tuple[Method, ...], Field(min_length=1)]
    l2: Annotated[float, Field(ge=0)]
    greedy_steps: Annotated[int, Field(ge=1)]
    shift_counts: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
