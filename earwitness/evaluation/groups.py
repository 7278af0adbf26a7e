"""The five groups of ESC-50's classes."""

from collections.abc import Sequence

import pandas as pd

from earwitness.evaluation.metrics import hits
from earwitness.evaluation.scores import HeldOutScores
from earwitness.evaluation.summary import DIGITS
from earwitness.labels import ClassEntry

# Piczak (2015), "ESC: Dataset for Environmental Sound Classification", table 1. By category, not
# by target: another data set may use the same numbers for other sounds.
GROUPS = {
    "animals": "dog rooster pig cow frog cat hen insects sheep crow",
    "nature and water": (
        "rain sea_waves crackling_fire crickets chirping_birds water_drops wind pouring_water "
        "toilet_flush thunderstorm"
    ),
    "human, not speech": (
        "crying_baby sneezing clapping breathing coughing footsteps laughing brushing_teeth "
        "snoring drinking_sipping"
    ),
    "interior": (
        "door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening "
        "washing_machine vacuum_cleaner clock_alarm clock_tick glass_breaking"
    ),
    "exterior": (
        "helicopter chainsaw siren car_horn engine train church_bells airplane fireworks hand_saw"
    ),
}
OTHER = "other"
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names.split()}


def group_of(category: str) -> str:
    """Name the group of a category; "other" for one that ESC-50 does not have."""
    return _GROUP_OF.get(category, OTHER)


def groups_table(scores: HeldOutScores, classes: Sequence[ClassEntry]) -> pd.DataFrame:
    """Top-1 accuracy of each model on each group of classes, over all test folds.

    Parameters
    ----------
    scores : HeldOutScores
        Predictions on the test folds.
    classes : sequence of ClassEntry
        The classes, as in the splits.

    Returns
    -------
    pd.DataFrame
        Columns model, group, top1, clips; the models are the ensemble and the members, the
        groups those that have clips.
    """
    of_class = [group_of(entry["category"]) for entry in classes]
    group = [of_class[index] for index in scores.targets]
    tables = []
    for model, values in {"ensemble": scores.ensemble, **scores.tta}.items():
        right = pd.DataFrame({"group": group, "right": hits(values, scores.targets, 1)})
        table = right.groupby("group", sort=False)["right"].agg(top1="mean", clips="size")
        table = table.reindex([name for name in (*GROUPS, OTHER) if name in table.index])
        table["top1"] = table["top1"].round(DIGITS)
        tables.append(table.reset_index().assign(model=model))
    return pd.concat(tables, ignore_index=True)[["model", "group", "top1", "clips"]]
