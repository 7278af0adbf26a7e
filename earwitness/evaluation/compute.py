"""Time and memory of the last run, from the stages' own notes."""

from collections.abc import Sequence

import pandas as pd


def compute_table(log: pd.DataFrame, members: Sequence[str]) -> pd.DataFrame:
    """Sum up the last run of each stage.

    Parameters
    ----------
    log : pd.DataFrame
        Columns stage (``train@spec_cnn-1``), seconds and peak_mib, one row a run, in the
        order of the runs.
    members : sequence of str
        The members; what ran for others is left out.

    Returns
    -------
    pd.DataFrame
        Columns stage (without the fold), runs, minutes and peak_mib, in the order in which
        the stages first ran.
    """
    last = log.drop_duplicates("stage", keep="last")
    name = last["stage"].str.replace(r"-\d+$", "", regex=True)
    item = name.str.partition("@")[2]
    last = last.assign(stage=name)[item.isin(["", *members])]
    stages = last.groupby("stage", sort=False)
    return pd.DataFrame(
        {
            "runs": stages.size(),
            "minutes": (stages["seconds"].sum() / 60).round(2),
            "peak_mib": stages["peak_mib"].max(),
        }
    ).reset_index()
