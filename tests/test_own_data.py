"""Twelve clips of odd lengths and rates and a CSV written by hand go through every stage.

It is what docs/your-own-data.md promises. Only a network is trained, so that no weights are needed.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from ruamel.yaml import YAML

from stages.__main__ import main
from tests.synthetic import MAKERS
from tests.test_pipeline import NETWORK, TINY, shrink

ROOT = Path(__file__).resolve().parent.parent
CATEGORIES = ["kettle", "door & bell", "Wäsche <b>"]
# Rate, length, channels and kind of each clip.
CLIPS = [
    (8000, 0.31, 1, "wav"),
    (11025, 1.0, 1, "flac"),
    (22050, 3.07, 2, "wav"),
    (44100, 0.9, 1, "ogg"),
    (48000, 1.23, 2, "flac"),
    (96000, 0.5, 1, "wav"),
]
SETTINGS = TINY | {
    "members": [NETWORK],
    "model": {"networks": [NETWORK], "backbones": []},
    "trunk": {},
    "finetune": {},
}


def write_own_data(folder: Path) -> None:
    """Two folds, three classes, two clips of each; no src_file, no take, names with spaces."""
    lines = ["filename,fold,target,category"]
    for number in range(12):
        rate, seconds, channels, kind = CLIPS[number % len(CLIPS)]
        target, fold = number % 3, 1 + number // 6
        rng = np.random.default_rng(number)
        t = np.arange(round(rate * seconds)) / rate
        waveform = MAKERS[target][2](t, rng, np.random.default_rng(99 + number))
        waveform = 0.5 * waveform / np.abs(waveform).max()
        path = folder / f"part {fold}" / f"clip {number}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.stack([waveform] * channels, axis=1), rate)
        lines.append(f"{path.name},{fold},{7 * target},{CATEGORIES[target]}")
    (folder / "sounds.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)
    write_own_data(tmp_path / "my sounds")
    yaml = YAML()
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    shrink(params, SETTINGS | {"data": {"name": "my sounds", "root": str(tmp_path / "my sounds")}})
    root = tmp_path / "work"
    root.mkdir()
    yaml.dump(params, root / "params.yaml")
    monkeypatch.chdir(root)
    return root


def test_own_data_goes_through_every_stage(workspace: Path) -> None:
    pipeline = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    for stage, block in pipeline["stages"].items():
        if "backbone" in block.get("matrix", {}):
            continue
        if "matrix" in block:
            for fold in ("1", "2"):
                main([stage, NETWORK, fold])
        else:
            main([stage])
    summary = json.loads((workspace / "metrics" / "summary.json").read_text(encoding="utf-8"))
    assert summary["dataset"] == {"name": "my sounds", "clips": 12, "classes": 3, "folds": 2}
    assert summary[NETWORK]["parameters"] > 1000
    predictions = pd.read_csv(workspace / "plots" / "predictions.csv")
    assert sorted(predictions["label"].unique()) == sorted(CATEGORIES)
    assert sorted(predictions["filename"]) == sorted(
        f"clip {number}.{CLIPS[number % 6][3]}" for number in range(12)
    )
    groups = pd.read_csv(workspace / "plots" / "groups.csv")
    assert set(groups["group"]) == {"other"}
    page = (workspace / "report" / "index.html").read_text(encoding="utf-8")
    assert "door & bell" in page
    assert "Wäsche <b>" not in page
    assert len(list((workspace / "report" / "clips").glob("*.ogg"))) == 12
