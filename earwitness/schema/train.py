"""Networks trained from scratch (section ``train.<network>``)."""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT
from earwitness.schema.optimisation import Fraction, LoopParams, NonNegative


@dataclass(frozen=True, config=STRICT)
class SpecAugmentParams:
    """Alterations of stored features, drawn anew for each clip in each epoch.

    Attributes
    ----------
    roll : float
        Largest circular shift in time, as a share of the clip.
    gain_db : float
        Largest gain (PCEN is invariant to it and left alone).
    filter_db : float
        Largest gain at each of a few frequencies, interpolated between them: a random
        equaliser on the log-mel channel (FilterAugment, Nam et al. 2022).
    time_masks, time_mask_frames : int
        Number and largest width of masked spans of time.
    frequency_masks, frequency_mask_bins : int
        Number and largest width of masked bands.
    mask_probability : float
        Share of the clips that are masked at all.
    mixing : {"mixup", "between_class"}
        How two clips are mixed: channels as they are (mixup, Zhang et al. 2018), or mel
        power at equal levels, as two sounds mix in air (between-class learning, Tokozume
        et al. 2018).
    mixup_alpha : float
        Beta parameter of the shares; 1 is uniform, 0 for no mixing.
    mixup_probability : float
        Share of the clips that are mixed with another.
    crop : float
        Share of the clip's frames that training sees, cut at random after all else.
    """

    roll: Fraction
    gain_db: NonNegative
    filter_db: NonNegative
    time_masks: Annotated[int, Field(ge=0)]
    time_mask_frames: Annotated[int, Field(ge=0)]
    frequency_masks: Annotated[int, Field(ge=0)]
    frequency_mask_bins: Annotated[int, Field(ge=0)]
    mask_probability: Fraction
    mixing: Literal["mixup", "between_class"]
    mixup_alpha: NonNegative
    mixup_probability: Fraction
    crop: Annotated[float, Field(gt=0, le=1)]


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
