"""The metrics as plain text, for a terminal."""

from collections.abc import Mapping
from typing import Any

HEADER = ("", "plain top-1", "plain top-3", "TTA top-1", "TTA top-3")
NOT_A_MEMBER = ("ensemble", "dataset")


def format_table(summary: Mapping[str, Any]) -> str:
    """Lay out the summary as a table.

    Parameters
    ----------
    summary : mapping
        Content of ``metrics/summary.json``.

    Returns
    -------
    str
        Members and ensembles, mean and standard deviation over folds, with a line on the
        data set above and one on calibration below; no newline at the end.
    """
    rows = [HEADER]
    for name, entry in summary.items():
        if name not in NOT_A_MEMBER:
            rows.append((name, *_cells(entry["plain"]), *_cells(entry["tta"])))
    ensemble = summary["ensemble"]
    rows.append(("ensemble, fitted weights", "", "", *_cells(ensemble)))
    rows.append(("ensemble, equal weights", "", "", *_cells(ensemble["uniform"])))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    data = summary["dataset"]
    folds = f"{data['folds']} fold" + "s" * (data["folds"] != 1)
    return "\n".join(
        [
            f"{data['name']}: {data['clips']} clips, {data['classes']} classes, {folds}; "
            "accuracy on the test folds, mean ± standard deviation",
            "",
            _line(rows[0], widths),
            "  ".join("-" * width for width in widths),
            *(_line(row, widths) for row in rows[1:]),
            "",
            f"expected calibration error of the ensemble: {ensemble['ece']:.3f}",
        ]
    )


def _cells(tops: Mapping[str, Any]) -> tuple[str, str]:
    first, third = (f"{tops[top]['mean']:.3f} ± {tops[top]['std']:.3f}" for top in ("top1", "top3"))
    return first, third


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join(cells).rstrip()
