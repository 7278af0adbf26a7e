"""Nothing of a test clip, and nothing of a validation clip, reaches a trained weight."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

import stages.finetune
import stages.train
from earwitness.backbones.weights import load_backbone
from earwitness.store.arrays import ArrayReader, ArrayWriter
from stages.params import open_params
from tests.trained import lively_backbone

ROOT = Path(__file__).resolve().parents[2]
CLIPS, CLASSES, UNFROZEN = 40, 4, 1


def shrunken_params() -> dict[str, Any]:
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["folds"] = [1]
    params["runtime"] |= {"device": "cpu", "precision": "float32"}
    params["model"]["unfreeze_last_n"] = UNFROZEN
    net, tuning = params["train"]["spec_cnn"], params["finetune"]["yamnet"]
    net["net"] |= {"widths": [4, 8]}
    for block in (net, tuning):
        block["loop"] |= {"epochs": 2, "batch_size": 8}
    # What validation may decide (a strength, which of two models is kept) is fixed here, so
    # that it must not matter at all.
    tuning |= {"baseline_c": [0.01], "keep": "finetuned"}
    return params


def write_store(path: Path, arrays: dict[str, np.ndarray]) -> None:
    layout = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    with ArrayWriter(path, layout, {}) as writer:
        for name, array in arrays.items():
            writer.write(name, slice(None), array)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One fold of noise, as the stages before training leave it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    YAML().dump(shrunken_params(), tmp_path / "params.yaml")
    rows = np.arange(CLIPS)
    fold = {"train": rows[:24], "validation": rows[24:32], "test": rows[32:]}
    classes = [{"target": t, "category": f"class {t}"} for t in range(CLASSES)]
    manifest = pd.DataFrame({"filename": [f"{row}.wav" for row in rows], "fold": 1 + (rows < 32)})
    manifest["target"] = rows % CLASSES
    manifest["category"] = [f"class {t}" for t in manifest["target"]]
    (tmp_path / "data" / "trunk").mkdir(parents=True)
    manifest.to_csv("data/manifest.csv", index=False)
    splits = {"folds": {"1": {k: v.tolist() for k, v in fold.items()}}, "classes": classes}
    Path("data/splits.json").write_text(json.dumps(splits))
    features = rng.normal(size=(CLIPS, 2, 64, 26)).astype(np.float16)
    write_store(Path("data/features/spec_cnn.h5"), {"features": features})
    backbone = lively_backbone()
    Path("models/pretrained").mkdir(parents=True)
    from safetensors.torch import save_file

    weights = Path("models/pretrained/yamnet.safetensors")
    save_file({k: v.contiguous() for k, v in backbone.state_dict().items()}, weights)
    waveforms = torch.from_numpy(rng.normal(0, 0.1, (2 * CLIPS, 8000)).astype(np.float32))
    backbone = load_backbone("yamnet", weights)
    with torch.inference_mode():
        stop = len(backbone.blocks) - UNFROZEN
        boundary, levels = backbone.run(backbone.front_end(waveforms), 0, stop)
    views = {"boundary": boundary.numpy(), "levels": levels.numpy()}
    views = {name: array.reshape(2, CLIPS, *array.shape[1:]) for name, array in views.items()}
    write_store(Path("data/trunk/yamnet.h5"), views)
    return tmp_path


def trained_weights() -> dict[str, str]:
    params = open_params()
    stages.train.main(params, "spec_cnn", "1")
    stages.finetune.main(params, "yamnet", "1")
    files = sorted(Path("models/members").rglob("*.safetensors"))
    assert len(files) == 3
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def spoil(path: Path, first: int, last: int, axis: int) -> None:
    """Replace some clips of a store by noise."""
    with ArrayReader(path) as reader:
        arrays = {name: reader.read(name) for name in reader.names}
    for array in arrays.values():
        place = (slice(None),) * axis + (slice(first, last),)
        array[place] = np.random.default_rng(9).normal(size=array[place].shape)
    write_store(path, arrays)


def relabel(first: int, last: int) -> None:
    manifest = pd.read_csv("data/manifest.csv")
    rows = manifest.index[first:last]
    manifest.loc[rows, "target"] = (manifest.loc[rows, "target"] + 1) % CLASSES
    manifest["category"] = [f"class {t}" for t in manifest["target"]]
    manifest.to_csv("data/manifest.csv", index=False)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("first", "last", "same"), [(32, 40, True), (24, 32, True), (20, 24, False)]
)
def test_only_training_clips_shape_the_weights(first: int, last: int, same: bool) -> None:
    """Noise for test clips, or for validation clips, changes no bit; for training clips, all."""
    before = trained_weights()
    spoil(Path("data/features/spec_cnn.h5"), first, last, axis=0)
    spoil(Path("data/trunk/yamnet.h5"), first, last, axis=1)
    relabel(first, last)
    after = trained_weights()
    trunk = "models/members/yamnet/fold1/trunk.safetensors"
    assert before.pop(trunk) == after.pop(trunk)
    for name, digest in before.items():
        assert (after[name] == digest) is same, name
