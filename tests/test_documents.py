"""The figures in the documents are those of metrics/."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from earwitness.errors import EarwitnessError
from earwitness.evaluation.report import format_markdown, replace_results

ROOT = Path(__file__).resolve().parent.parent
METRICS = "metrics/summary.json"


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


@pytest.mark.parametrize("name", ["README.md", "MODEL_CARD.md"])
def test_results_are_those_of_the_last_evaluation(name: str) -> None:
    state = subprocess.run(
        ["git", "status", "--porcelain", METRICS], cwd=ROOT, capture_output=True, check=False
    )
    if state.returncode or state.stdout or not (ROOT / METRICS).is_file():
        pytest.skip(f"{METRICS} is not as committed: an experiment of one's own is not for README")
    summary = json.loads((ROOT / METRICS).read_text(encoding="utf-8"))
    text = (ROOT / name).read_text(encoding="utf-8")
    assert replace_results(text, summary) == text, "run `python -m stages.show --documents`"


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
