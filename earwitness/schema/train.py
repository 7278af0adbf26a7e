"""Networks trained from scratch (section ``train.<network>``)."""

from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT
from earwitness.schema.optimisation import Fraction, LoopParams, NonNegative


@dataclass(frozen=True, config=STRICT)
class SpecAugmentParams:
    """Alterations of a stored spectrogram, drawn anew for each clip in each epoch.

    Attributes
    ----------
    roll : float
        Largest circular shift in time, as a share of the clip.
    gain_db : float
        Largest gain, added to the log-mel channel (PCEN is invariant to gain).
    time_masks, time_mask_frames : int
        Number and largest width of masked spans of time.
    frequency_masks, frequency_mask_bins : int
        Number and largest width of masked bands.
    mask_probability : float
        Share of the clips that are masked at all.
    mixup_alpha : float
        Beta parameter of mixup (Zhang et al. 2018); 0 for none.
    mixup_probability : float
        Share of the clips that are mixed with another.
    """

    roll: Fraction
    gain_db: NonNegative
    time_masks: Annotated[int, Field(ge=0)]
    time_mask_frames: Annotated[int, Field(ge=0)]
    frequency_masks: Annotated[int, Field(ge=0)]
    frequency_mask_bins: Annotated[int, Field(ge=0)]
    mask_probability: Fraction
    mixup_alpha: NonNegative
    mixup_probability: Fraction


@dataclass(frozen=True, config=STRICT)
class TrainParams:
    """Section ``train.<network>``.

    Attributes
    ----------
    lr : float
        Peak learning rate.
    loop : LoopParams
        The rest of the optimisation.
    augment : SpecAugmentParams
        Augmentation of the stored features.
    net : dataclass
        The network's own settings: ``NetParams`` of ``earwitness/schema/nets/<network>.py``.
    """

    lr: Annotated[float, Field(gt=0)]
    loop: LoopParams
    augment: SpecAugmentParams
    net: Any
