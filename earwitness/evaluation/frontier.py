"""Minutes against accuracy: what each profile takes and gives."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from earwitness.evaluation.report import NOT_A_MEMBER, markdown_table

COLUMNS = ("profile", "minutes", "folds", "top1", "top1_std", "top3", "members", "command")


def frontier_table(profiles: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Collect what the profiles took and reached.

    Parameters
    ----------
    profiles : mapping of str to mapping
        Content of ``metrics/profiles/<name>.json`` by name: a summary, ``minutes``, ``command``.

    Returns
    -------
    pd.DataFrame
        A row a profile, the quickest first, with the columns `COLUMNS`: accuracies are the
        ensemble's, means over folds.
    """
    rows = [
        (
            name,
            float(entry["minutes"]),
            len(entry["ensemble"]["top1"]["folds"]),
            *(entry["ensemble"]["top1"][key] for key in ("mean", "std")),
            entry["ensemble"]["top3"]["mean"],
            ", ".join(key for key, value in entry.items() if _is_member(key, value)),
            entry["command"],
        )
        for name, entry in profiles.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("minutes", ignore_index=True)


def format_frontier(frontier: pd.DataFrame) -> str:
    """Lay out the profiles as a Markdown table.

    Parameters
    ----------
    frontier : pd.DataFrame
        What `frontier_table` returned.

    Returns
    -------
    str
        No newline at the end.
    """
    rows = [("profile", "minutes", "folds", "ensemble top-1", "top-3", "members", "command")]
    rows += [
        (
            str(row["profile"]),
            f"{row['minutes']:.0f}",
            str(row["folds"]),
            f"{row['top1']:.3f} ± {row['top1_std']:.3f}",
            f"{row['top3']:.3f}",
            str(row["members"]),
            f"`{row['command']}`",
        )
        for row in frontier.to_dict("records")
    ]
    return markdown_table(rows)


def _is_member(key: str, value: Any) -> bool:
    return key not in NOT_A_MEMBER and isinstance(value, Mapping)
