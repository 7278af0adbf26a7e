"""The figures in the documents are those of metrics/."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from earwitness.backbones.registry import NAMES, get_record
from earwitness.errors import EarwitnessError
from earwitness.evaluation.compute import compute_table
from earwitness.evaluation.model_card import render_model_card
from earwitness.evaluation.report import format_markdown, replace_results
from stages.show import fill_readme, read_compute, read_trained_with

ROOT = Path(__file__).resolve().parent.parent
METRICS = "metrics/summary.json"


def test_what_security_md_names_is_there() -> None:
    """A boundary whose code or test was renamed is one that nobody finds."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/.]+(?:\.py|/))`", text)) - {"data/"}
    assert len(named) > 20
    places = [ROOT, ROOT / "earwitness", ROOT / "tests" / "hostile"]
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def tops(first: float, third: float) -> dict[str, Any]:
    folds = {"1": first - 0.01, "2": first + 0.01}
    return {
        "top1": {"mean": first, "std": 0.01, "folds": folds},
        "top3": {"mean": third, "std": 0.01, "folds": folds},
    }


SUMMARY = {
    "net": {"plain": tops(0.5, 0.7), "tta": tops(0.6, 0.8)},
    "ensemble": {**tops(0.9, 0.95), "uniform": tops(0.85, 0.94), "ece": 0.0234},
    "dataset": {"name": "set", "clips": 10, "classes": 3, "folds": 2},
}


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The committed metrics; an experiment of one's own is not for the documents."""
    state = subprocess.run(
        ["git", "status", "--porcelain", "metrics"], cwd=ROOT, capture_output=True, check=False
    )
    if state.returncode or state.stdout or not (ROOT / METRICS).is_file():
        pytest.skip(
            "metrics/ is not as committed, and an experiment of one's own is not for README: "
            + (state.stdout + state.stderr).decode()
        )
    monkeypatch.chdir(ROOT)
    return json.loads((ROOT / METRICS).read_text(encoding="utf-8"))


def test_results_in_the_readme_are_those_of_the_last_evaluation(committed: dict[str, Any]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert fill_readme(text, committed) == text, "run `python -m stages.show --documents`"


def test_the_model_card_is_written_from_the_metrics(committed: dict[str, Any]) -> None:
    text = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
    expected = render_model_card(committed, read_compute(), read_trained_with())
    assert text == expected, "run `python -m stages.show --documents`"


def test_the_table_has_every_model_and_fold() -> None:
    lines = format_markdown(SUMMARY).splitlines()
    assert "set, 10 clips, 3 classes, 2 folds" in lines[0]
    assert "0.023" in lines[0]
    assert lines[2:] == [
        "|  | top-1 | top-3 | fold 1 | fold 2 |",
        "| --- | --- | --- | --- | --- |",
        "| net | 0.600 ± 0.010 | 0.800 ± 0.010 | 0.5900 | 0.6100 |",
        "| ensemble, equal weights | 0.850 ± 0.010 | 0.940 ± 0.010 | 0.8400 | 0.8600 |",
        "| **ensemble** | 0.900 ± 0.010 | 0.950 ± 0.010 | 0.8900 | 0.9100 |",
    ]


def test_what_stands_between_the_markers_is_replaced() -> None:
    text = "before\n<!-- results -->\nstale\n<!-- end of results -->\nafter\n"
    new = replace_results(text, SUMMARY)
    assert new.startswith("before\n")
    assert new.endswith("after\n")
    assert "stale" not in new
    assert format_markdown(SUMMARY) in new
    assert replace_results(new, SUMMARY) == new


def test_a_document_without_markers_is_told() -> None:
    with pytest.raises(EarwitnessError, match="needs a line <!-- results -->"):
        replace_results("no markers", SUMMARY)


def card_summary() -> dict[str, Any]:
    folds = {"mean": 0.75, "std": 0.125, "folds": {"1": 0.625, "2": 0.875}}
    members = {
        name: {**SUMMARY["net"], "parameters": size}
        for name, size in (("spec_cnn", 1_250_000), ("yamnet", 4_000_000))
    }
    fitted = {kind: dict.fromkeys(members, folds) for kind in ("weights", "temperatures")}
    ensemble = {**SUMMARY["ensemble"], **fitted}
    return {**members, "ensemble": ensemble, "dataset": SUMMARY["dataset"]}


def test_the_model_card_names_members_results_and_licences() -> None:
    summary = card_summary()
    compute = pd.DataFrame([("train@spec_cnn", 5, 12.25, 900)], columns=COMPUTE_COLUMNS)
    way = {"device": "cpu", "precision": "float32", "cpu_capability": "AVX2", "threads": 1}
    trained_with = {"spec_cnn": way, "yamnet": way | {"threads": 2}}
    card = render_model_card(summary, compute, trained_with)
    assert "`spec_cnn` on cpu (AVX2) in float32, 1 thread a stage; `yamnet` on cpu" in card
    assert "@" not in card.replace("train@spec_cnn", "")
    assert format_markdown(summary) in card
    assert "set: 10 clips, 3 classes, 2 folds." in card
    assert "| `spec_cnn` |" in card
    assert "1.25 M" in card
    assert "0.0234" in card
    assert "| `yamnet` | 0.750 ± 0.125 | 0.750 ± 0.125 |" in card
    assert "| train@spec_cnn | 5 | 12.2 | 900 |" in card
    for name in NAMES:
        assert f"- `{name}`: {get_record(name).licence}; " in card
    assert "No run was recorded" in render_model_card(summary, None, {})


COMPUTE_COLUMNS = ["stage", "runs", "minutes", "peak_mib"]


def test_compute_is_that_of_the_last_run_of_each_stage() -> None:
    runs = [
        ("prepare", 30, 10),
        ("train@net-1", 999, 999),
        ("train@net-1", 60, 20),
        ("train@net-2", 120, 30),
        ("train@gone-1", 60, 20),
        ("prepare", 90, 11),
    ]
    table = compute_table(pd.DataFrame(runs, columns=["stage", "seconds", "peak_mib"]), ["net"])
    assert list(table) == COMPUTE_COLUMNS
    rows = {row.stage: tuple(row)[1:] for row in table.itertuples(index=False)}
    assert rows == {"prepare": (1, 1.5, 11), "train@net": (2, 3.0, 30)}
