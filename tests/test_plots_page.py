"""What `dvc plots` shows: every chart is drawn, and nobody on the net is asked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from earwitness.errors import EarwitnessError
from earwitness.evaluation.groups import groups_table
from earwitness.evaluation.reliability import reliability_table
from earwitness.evaluation.scores import HeldOutScores
from earwitness.evaluation.tables import (
    CURVES,
    confusion_table,
    folds_table,
    per_class_table,
    weights_table,
)
from earwitness.plots import offline
from earwitness.store.atomic import write_csv, write_text
from tests.browser import errors, requested_schemes

ROOT = Path(__file__).resolve().parent.parent
CLASSES = [
    {"target": target, "category": name} for target, name in enumerate(["dog", "siren", "gong"])
]
MEMBERS = ["net", "bone"]

# Of each chart its width, and how many marks one can see; axes and legends are no marks.
CHARTS = """
return [...document.querySelectorAll(".vega-embed svg.marks")].map((chart) => {
  const marks = [...chart.querySelectorAll(".role-mark :is(path, line, text)")];
  const seen = marks.filter((mark) => mark.getBBox().width + mark.getBBox().height > 0);
  return [chart.getBoundingClientRect().width, seen.length];
});
"""


def write_tables(folder: Path, seed: int) -> None:
    """Tables as the stages write them, of made-up predictions."""
    rng = np.random.default_rng(seed)
    targets, folds = np.arange(30) % 3, [1, 2]
    logits = {name: rng.normal(size=(30, 3)) + 2 * np.eye(3)[targets] for name in MEMBERS}
    pooled = sum(logits.values())
    log_probs = pooled - np.log(np.exp(pooled).sum(axis=1, keepdims=True))
    fold = 1 + np.arange(30) % 2
    sizes = dict.fromkeys(MEMBERS, 1)
    scores = HeldOutScores(
        np.arange(30), fold, targets, logits, logits, log_probs, log_probs, sizes
    )
    by_fold = {"folds": {"1": rng.random(), "2": rng.random()}}
    tops = {"top1": by_fold, "top3": by_fold}
    summary = {name: {"tta": tops} for name in MEMBERS} | {"ensemble": {**tops, "uniform": tops}}
    fitted = {name: {m: rng.random() for m in MEMBERS} for name in ("weights", "temperatures")}
    runs = [
        (member, number, epoch) for member in MEMBERS for number in folds for epoch in (1, 2, 3)
    ]
    curves = pd.DataFrame(runs, columns=["member", "fold", "epoch"])
    clips = pd.DataFrame([(m, f, i) for m in MEMBERS for f in folds for i in range(15)])
    clips.columns = ["member", "fold", "filename"]
    tables = {
        "curves": curves.assign(**{name: rng.random(12) for name in CURVES[1:]}),
        "confusion": confusion_table(scores, CLASSES),
        "folds": folds_table(summary, MEMBERS),
        "groups": groups_table(scores, CLASSES),
        "per_class": per_class_table(scores, CLASSES),
        "reliability": reliability_table(scores, 5),
        "weights": weights_table({"members": MEMBERS, "folds": {"1": fitted, "2": fitted}}, folds),
        "tsne": clips.assign(category="dog", group="animals", x=rng.random(60), y=rng.random(60)),
    }
    for name, table in tables.items():
        write_csv(folder / f"{name}.csv", table)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits' tables under the plots of the real dvc.yaml; its stages are left out."""
    root = tmp_path_factory.mktemp("plots")

    def run(*command: str) -> None:
        subprocess.run(command, cwd=root, check=True, capture_output=True, env=variables())

    run("git", "init", "--quiet")
    run(sys.executable, "-m", "dvc", "init", "--quiet")
    shutil.copyfile(ROOT / ".dvc" / "config", root / ".dvc" / "config")
    for template in (ROOT / ".dvc" / "plots").glob("*.json"):
        write_text(root / ".dvc" / "plots" / template.name, template.read_text(encoding="utf-8"))
    write_text(root / ".dvc" / "plots" / "page.html", offline.render_template())
    yaml = YAML()
    pipeline = yaml.load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    yaml.dump({"plots": pipeline["plots"]}, root / "dvc.yaml")
    for seed in (0, 1):
        write_tables(root / "plots", seed)
        if seed == 0:
            run("git", "add", ".")
            run("git", "commit", "--quiet", "--message", "Start")
    return root


def variables() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {
        f"GIT_{role}_{what}": "test@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return own | who | {"DVC_NO_ANALYTICS": "1"}


@pytest.mark.parametrize("command", ["show", "diff"])
def test_every_chart_is_drawn_without_a_network(
    command: str, repository: Path, browser: Chrome
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "plots", command],
        cwd=repository,
        env=variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    address = done.stdout.strip().splitlines()[-1]
    assert address.startswith("file://")
    requested_schemes(browser), errors(browser)
    browser.get(address)
    charts = len(YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"])
    WebDriverWait(browser, 20).until(lambda b: len(b.execute_script(CHARTS)) == charts)
    drawn = browser.execute_script(CHARTS)
    assert min(width for width, _ in drawn) > 150
    # The fewest are the bars of three classes.
    assert min(marks for _, marks in drawn) >= 3
    assert errors(browser) == []
    assert requested_schemes(browser) <= {"file", "data", "blob"}
    assert "http" not in "".join(
        browser.execute_script("return [...document.scripts].map((script) => script.src)")
    )


def test_every_chart_has_its_data_and_its_template() -> None:
    pipeline = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    outputs = {
        next(iter(out)) if isinstance(out, dict) else out
        for stage in pipeline["stages"].values()
        for out in stage.get("outs", [])
    }
    for chart in pipeline["plots"]:
        (definition,) = chart.values()
        assert set(definition["y"]) <= outputs
        template = ROOT / ".dvc" / "plots" / f"{definition['template']}.json"
        assert template.is_file()


def test_other_scripts_than_those_checked_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline.vl_convert, "javascript_bundle", lambda *_, **__: "other")
    with pytest.raises(EarwitnessError, match=r"requirements\.lock"):
        offline.render_template()
