"""The metrics as plain text, for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from earwitness.errors import EarwitnessError

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


def format_markdown(summary: Mapping[str, Any]) -> str:
    """Lay out the summary as a Markdown table.

    Parameters
    ----------
    summary : mapping
        Content of ``metrics/summary.json``.

    Returns
    -------
    str
        Members and ensembles, with test-time augmentation: mean and standard deviation over
        folds, and the first guess on each fold; no newline at the end.
    """
    ensemble = summary["ensemble"]
    models = {name: entry["tta"] for name, entry in summary.items() if name not in NOT_A_MEMBER}
    models["ensemble, equal weights"] = ensemble["uniform"]
    models["**ensemble**"] = ensemble
    folds = list(ensemble["top1"]["folds"])
    header = ["", "top-1", "top-3", *(f"fold {fold}" for fold in folds)]
    rows = [header]
    for name, tops in models.items():
        by_fold = [f"{value:.4f}" for value in tops["top1"]["folds"].values()]
        rows.append([name, *_cells(tops), *by_fold])
    table = markdown_table(rows)
    data = summary["dataset"]
    return (
        f"{data['name']}, {data['clips']} clips, {data['classes']} classes, {data['folds']} folds: "
        "accuracy on the test folds with test-time augmentation, mean ± standard deviation over "
        f"folds. Expected calibration error of the ensemble: {ensemble['ece']:.3f}.\n\n{table}"
    )


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows, the first of which is the header, as a Markdown table.

    Parameters
    ----------
    rows : sequence of sequences of str
        All of the same length.

    Returns
    -------
    str
        No newline at the end.
    """
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def replace_results(text: str, summary: Mapping[str, Any]) -> str:
    """Put the current results between the markers of a document.

    Parameters
    ----------
    text : str
        A document with a line ``<!-- results -->`` and one ``<!-- end of results -->``.
    summary : mapping
        Content of ``metrics/summary.json``.

    Returns
    -------
    str
        The document with everything between the markers replaced.

    Raises
    ------
    EarwitnessError
        If a marker is missing.
    """
    return replace_between(text, "results", format_markdown(summary))


def replace_between(text: str, name: str, content: str) -> str:
    """Replace what stands between a document's markers of one name.

    Parameters
    ----------
    text : str
        A document with a line ``<!-- NAME -->`` and one ``<!-- end of NAME -->``.
    name : str
        Of the markers.
    content : str
        What to put there.

    Returns
    -------
    str
        The document with everything between the markers replaced.

    Raises
    ------
    EarwitnessError
        If a marker is missing.
    """
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, start, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (start and end):
        raise EarwitnessError(f"the document needs a line {first} and, below it, {last}")
    return f"{before}{first}\n\n{content}\n\n{last}{after}"


def _cells(tops: Mapping[str, Any]) -> tuple[str, str]:
    first, third = (f"{tops[top]['mean']:.3f} ± {tops[top]['std']:.3f}" for top in ("top1", "top3"))
    return first, third


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join(cells).rstrip()
