"""The model card, written from the metrics and from what is known about the backbones."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness.backbones.registry import NAMES, get_record
from earwitness.evaluation.report import NOT_A_MEMBER, format_markdown, markdown_table

TEMPLATE = Path(__file__).parent / "model_card.md"


def render_model_card(
    summary: Mapping[str, Any],
    compute: pd.DataFrame | None,
    trained_with: Mapping[str, Mapping[str, Any]],
) -> str:
    """Write the model card.

    Parameters
    ----------
    summary : mapping
        Content of ``metrics/summary.json``.
    compute : pd.DataFrame or None
        From `earwitness.evaluation.compute.compute_table`; None if no run was recorded.
    trained_with : mapping
        That of ``metrics/environment.json``: of each member its device, precision and threads.

    Returns
    -------
    str
        Markdown.
    """
    members = [name for name in summary if name not in NOT_A_MEMBER]
    data = summary["dataset"]
    parts = {
        "models": _models(summary, members),
        "others": "; ".join(_name(name) for name in NAMES if name not in members) or "none",
        "data": (
            f"{data['name']}: {data['clips']} clips, {data['classes']} classes, "
            f"{data['folds']} folds."
        ),
        "results": format_markdown(summary),
        "calibration": _calibration(summary["ensemble"], members),
        "compute": _compute(compute, trained_with),
        "classes": str(data["classes"]),
        "licences": _licences(members),
    }
    text, *pieces = TEMPLATE.read_text(encoding="utf-8").split("@")
    for name, after in zip(pieces[::2], pieces[1::2], strict=True):
        text += parts[name] + after
    return text


def _models(summary: Mapping[str, Any], members: Sequence[str]) -> str:
    rows = [["member", "what", "input", "weights", "pretrained"]]
    for name in members:
        count = summary[name].get("parameters")
        size = f"{count / 1e6:.2f} M" if count else "not counted"
        if name in NAMES:
            record = get_record(name)
            rate = f"{record.sample_rate / 1000:g} kHz"
            rows.append([f"`{name}`", record.source, rate, size, f"yes, {record.blocks} blocks"])
        else:
            about = (import_module(f"earwitness.nets.{name}").__doc__ or "").splitlines()[0]
            rows.append([f"`{name}`", about.rstrip("."), "as `features` says", size, "no"])
    return markdown_table(rows)


def _name(backbone: str) -> str:
    record = get_record(backbone)
    return f"`{backbone}` ({record.sample_rate / 1000:g} kHz, {record.licence})"


def _calibration(ensemble: Mapping[str, Any], members: Iterable[str]) -> str:
    text = (
        "Expected calibration error of the ensemble over all test clips (Guo et al. 2017): "
        f"{ensemble['ece']:.4f}. Each fold's validation set is small, and the weights and "
        "temperatures carry that uncertainty."
    )
    if "weights" not in ensemble:
        return text
    rows = [["member", "weight", "temperature"]]
    for name in members:
        cells = (ensemble[kind][name] for kind in ("weights", "temperatures"))
        rows.append([f"`{name}`", *(f"{x['mean']:.3f} ± {x['std']:.3f}" for x in cells)])
    return f"{text} Mean ± standard deviation over folds:\n\n{markdown_table(rows)}"


def _compute(compute: pd.DataFrame | None, trained_with: Mapping[str, Mapping[str, Any]]) -> str:
    if compute is None:
        return "No run was recorded; README.md says how long one takes."
    rows = [["stage", "runs", "minutes in all", "peak memory (MiB)"]]
    rows += [
        [str(stage), str(runs), f"{minutes:.1f}", str(peak)]
        for stage, runs, minutes, peak in compute.itertuples(index=False)
    ]
    ways: dict[str, list[str]] = {}
    for name, facts in trained_with.items():
        way = (
            f"on {facts['device']} ({facts['cpu_capability']}) in {facts['precision']}, "
            f"{facts['threads']} thread{'' if facts['threads'] == 1 else 's'} a stage"
        )
        ways.setdefault(way, []).append(f"`{name}`")
    trained = "; ".join(f"{', '.join(names)} {way}" for way, names in ways.items())
    total = f"{compute['minutes'].sum():.0f}"
    return (
        f"Trained: {trained}. {total} minutes of stages, each counted from its start to its "
        f"end:\n\n{markdown_table(rows)}"
    )


def _licences(members: Sequence[str]) -> str:
    lines = []
    for name in (*(m for m in members if m in NAMES), *(n for n in NAMES if n not in members)):
        record = get_record(name)
        lines.append(f"- `{name}`: {record.licence}; {record.source}. <{record.transport.address}>")
    return "\n".join(lines)
