"""The whole pipeline, by DVC, on a tiny data set in a git repository of its own.

The real dvc.yaml and the real code run; only params.yaml is shrunk. The tests of this file go
through one repository in order, each from where the one before left it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from earwitness.export.formats import SUFFIXES
from earwitness.plots.offline import render_template
from earwitness.store.atomic import write_text
from tests.synthetic import write_dataset

ROOT = Path(__file__).resolve().parent.parent
# Some fifty processes in turn, each importing torch: on a busy machine they take their time.
pytestmark = pytest.mark.timeout(1200)
CLASSES, FOLDS, CLIPS = 3, 2, 4
BACKBONE, NETWORK = "yamnet", "spec_cnn"

# What is changed in params.yaml; a key that does not exist there fails.
TINY: dict[str, Any] = {
    "folds": [1, 2],
    "members": [NETWORK, BACKBONE],
    "runtime": {"device": "cpu", "threads": 1},
    "data": {"name": "synthetic"},
    "prepare": {"seconds": 1.0},
    "splits": {"validation_fraction": 0.5},
    "model": {"networks": [NETWORK], "backbones": [BACKBONE], "unfreeze_last_n": 1},
    "trunk": {"views": 2},
    "train": {
        NETWORK: {"loop": {"epochs": 1, "batch_size": 8}, "net": {"widths": [4, 8], "blocks": 1}}
    },
    "finetune": {BACKBONE: {"baseline_c": [0.01], "loop": {"epochs": 1, "batch_size": 8}}},
    "predict": {"tta_shifts_seconds": [-0.1, 0.0]},
    "export": {"clips": 3, "formats": ["torchscript"]},
}


@dataclass(frozen=True)
class Repository:
    """A git and DVC repository with the project's code."""

    root: Path
    variables: dict[str, str]

    def run(self, *command: str) -> str:
        """Run a command; its output, or a failure that shows it."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def lock(self) -> dict[str, Any]:
        return YAML(typ="safe").load((self.root / "dvc.lock").read_text())["stages"]


def stages_run(output: str) -> Counter[str]:
    """Stages that a `dvc repro` ran, with how many items of each."""
    return Counter(
        name.partition("@")[0] for name in re.findall(r"Running stage '([^']+)'", output)
    )


def shrink(params: dict[str, Any], changes: dict[str, Any], path: str = "") -> None:
    """Apply `changes` to params in place, refusing keys that params does not have."""
    for key, value in changes.items():
        assert key in params, f"params.yaml has no {path}{key}"
        if isinstance(value, dict):
            shrink(params[key], value, f"{path}{key}.")
        else:
            params[key] = value


@pytest.fixture(scope="module")
def repository(
    tmp_path_factory: pytest.TempPathFactory, yamnet_wheel: Path
) -> Iterator[Repository]:
    root = tmp_path_factory.mktemp("pipeline")
    for folder in ("earwitness", "stages"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copyfile(ROOT / name, root / name)
    yaml = YAML()
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    shrink(params, TINY)
    yaml.dump(params, root / "params.yaml")
    # A link, as `make repro DATA=...` leaves it.
    clips = write_dataset(
        tmp_path_factory.mktemp("clips") / "set",
        classes=CLASSES,
        folds=FOLDS,
        clips_per_fold_class=CLIPS,
        seconds=1.2,
    )
    (root / params["data"]["root"]).parent.mkdir(parents=True)
    (root / params["data"]["root"]).symlink_to(clips, target_is_directory=True)

    variables = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    for name in ("PYTHONPATH", "EARWITNESS_DATA", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        variables.pop(name, None)
    variables |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]]),
        "EARWITNESS_WEIGHTS": str(yamnet_wheel.parent),
        "OMP_NUM_THREADS": "1",
        "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }
    repository = Repository(root, variables)
    repository.run("git", "init", "--quiet")
    repository.dvc("init", "--quiet")
    shutil.copytree(ROOT / ".dvc" / "plots", root / ".dvc" / "plots", dirs_exist_ok=True)
    write_text(root / ".dvc" / "plots" / "page.html", render_template())
    repository.dvc("config", "plots.html_template", "plots/page.html")
    repository.dvc("config", "core.check_update", "false")
    repository.run("git", "add", ".")
    repository.run("git", "commit", "--quiet", "--message", "Start")
    yield repository
    # Files in DVC's cache are read-only, which shutil minds on some systems.
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def first_run(repository: Repository) -> Counter[str]:
    """Reproduce everything once and commit the result, as a user would."""
    output = repository.dvc("repro")
    repository.run("git", "add", ".")
    repository.run("git", "commit", "--quiet", "--message", "Results")
    return stages_run(output)


def test_every_stage_runs_for_each_member_and_fold(first_run: Counter[str]) -> None:
    once = ["fetch", "prepare", "splits", "features", "weights", "trunk", "ensemble", "evaluate"]
    pages = ["previews", "tsne", "clips", "report", "export"]
    assert first_run == {
        **dict.fromkeys(once + pages, 1),
        **dict.fromkeys(["train", "finetune"], FOLDS),
        "predict": 2 * FOLDS,
    }


@pytest.mark.usefixtures("first_run")
def test_the_summary_has_every_figure(repository: Repository) -> None:
    summary = json.loads((repository.root / "metrics" / "summary.json").read_text())
    scores = [summary[member][kind] for member in (NETWORK, BACKBONE) for kind in ("plain", "tta")]
    scores += [summary["ensemble"], summary["ensemble"]["uniform"]]
    for score in scores:
        for metric in ("top1", "top3"):
            assert set(score[metric]["folds"]) == {"1", "2"}
            by_fold = list(score[metric]["folds"].values())
            assert score[metric]["mean"] == pytest.approx(sum(by_fold) / FOLDS, abs=1e-6)
            assert score[metric]["std"] == pytest.approx(abs(by_fold[0] - by_fold[1]) / 2, abs=1e-6)
    assert 0 <= summary["ensemble"]["ece"] <= 1
    assert summary["dataset"] == {
        "name": "synthetic",
        "clips": CLASSES * FOLDS * CLIPS,
        "classes": CLASSES,
        "folds": FOLDS,
    }


@pytest.mark.usefixtures("first_run")
def test_every_clip_is_predicted_once_by_the_models_of_its_fold(repository: Repository) -> None:
    predictions = pd.read_csv(repository.root / "plots" / "predictions.csv")
    table = pd.read_csv(repository.root / "data" / "raw" / "ESC-50" / "meta" / "esc50.csv")
    assert {"filename", "fold"} <= set(predictions.columns)
    assert sorted(predictions.filename) == sorted(table.filename)
    merged = predictions.merge(table, on="filename", suffixes=("", "_table"))
    assert (merged.fold == merged.fold_table).all()


@pytest.mark.usefixtures("first_run")
def test_the_report_has_every_clip(repository: Repository) -> None:
    report = repository.root / "report"
    page = (report / "index.html").read_text(encoding="utf-8")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["models"] == ["ensemble", NETWORK, BACKBONE]
    assert len(data["clips"]) == CLASSES * FOLDS * CLIPS
    for clip in data["clips"]:
        for kind in ("ogg", "webp"):
            assert (report / "clips" / f"{clip['row']}.{kind}").stat().st_size > 100
    tsne = pd.read_csv(repository.root / "plots" / "tsne.csv")
    assert tsne.groupby(["member", "fold"]).size().tolist() == [CLASSES * CLIPS] * 2 * FOLDS
    assert (repository.root / "plots" / "previews" / "spec_cnn.png").is_file()


@pytest.mark.usefixtures("first_run")
def test_every_model_is_exported(repository: Repository) -> None:
    metrics = json.loads((repository.root / "metrics" / "exports.json").read_text())
    assert metrics.pop("fold") == 1
    assert set(metrics) == {NETWORK, BACKBONE, "ensemble"}
    for model, formats in metrics.items():
        assert formats["torchscript"]["max_abs_difference"] < 0.001
        assert formats["torchscript"]["top1_agreement"] == 1.0
        assert (repository.root / "exports" / f"{model}{SUFFIXES['torchscript']}").is_file()


@pytest.mark.usefixtures("first_run")
def test_a_second_run_does_nothing(repository: Repository) -> None:
    assert "up to date" in repository.dvc("status")
    assert stages_run(repository.dvc("repro")) == {}
    assert repository.run("git", "status", "--porcelain") == ""


@pytest.mark.usefixtures("first_run")
def test_what_is_committed_names_no_folder_of_this_machine(repository: Repository) -> None:
    clips = repository.root / "data" / "raw" / "ESC-50"
    assert clips.is_symlink()
    committed = repository.run("git", "ls-files").split()
    assert {"dvc.lock", "params.yaml", "metrics/summary.json"} <= set(committed)
    for name in committed:
        text = (repository.root / name).read_bytes()
        for folder in (repository.root, clips.resolve(), Path.home()):
            assert bytes(folder) not in text, name


@pytest.mark.usefixtures("first_run")
def test_the_whole_pipeline_writes_the_same_bytes_again(repository: Repository) -> None:
    """Forced, for without it DVC restores what it has from its run cache."""
    locked = repository.lock()
    output = repository.dvc("repro", "--force")
    assert len(re.findall("Running stage", output)) == len(locked)
    assert repository.lock() == locked
    assert repository.run("git", "status", "--porcelain") == ""


@pytest.mark.usefixtures("first_run")
def test_the_metrics_say_what_made_them(repository: Repository) -> None:
    facts = json.loads((repository.root / "metrics" / "environment.json").read_text())
    assert facts["trained_with"][NETWORK]["threads"] == 1
    head = repository.run("git", "log", "--format=%H", "--max-parents=0").strip()
    assert facts["git"] == {"commit": head, "code": "as committed"}
    assert '"cpu_capability"' in repository.dvc("metrics", "show", "--json")


@pytest.mark.usefixtures("first_run")
def test_unfreezing_more_blocks_runs_the_pretrained_member_anew_and_nothing_else(
    repository: Repository,
) -> None:
    output = repository.dvc("exp", "run", "-S", "model.unfreeze_last_n=2")
    runs = re.findall(r"Running stage '([^']+)'", output)
    assert sorted(runs) == sorted(
        [f"trunk@{BACKBONE}", "ensemble", "evaluate", "tsne", "report", "export"]
        + [f"finetune@{BACKBONE}-{fold}" for fold in (1, 2)]
        + [f"predict@{BACKBONE}-{fold}" for fold in (1, 2)]
    )
    assert "ensemble.top1.mean" in repository.dvc("metrics", "diff", "--all")
    page = repository.dvc("plots", "show").strip().splitlines()[-1]
    assert Path(page.removeprefix("file://")).is_file()
    experiments = json.loads(repository.dvc("exp", "show", "--json"))
    assert experiments[1]["experiments"], "dvc exp show lists the run"
