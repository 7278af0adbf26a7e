"""Synthetic collections of any size, and what the stages need beside them."""

import csv
import os
from pathlib import Path

import numpy as np
import soundfile as sf
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDS, CLASSES, SOURCES = 5, 10, 50
RATE = 22050  # another than the members', so that every clip is resampled


def write_collection(root: Path, clips: int, seconds: float) -> None:
    """Write a data set of `clips` names for `SOURCES` files of noise, in ESC-50's layout."""
    (root / "meta").mkdir(parents=True)
    (root / "audio").mkdir()
    rng = np.random.default_rng(0)
    sources = []
    for number in range(SOURCES):
        sources.append(root / f"source{number}.wav")
        noise = rng.normal(0, 0.1, round(seconds * RATE))
        sf.write(sources[-1], noise, RATE, subtype="PCM_16")
    with (root / "meta" / "esc50.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["filename", "fold", "target", "category"])
        for clip in range(clips):
            fold, target = 1 + clip % FOLDS, clip // FOLDS % CLASSES
            name = f"{fold}-{clip}-A-{target}.wav"
            os.link(sources[clip % SOURCES], root / "audio" / name)
            writer.writerow([name, fold, target, f"class {target}"])
    for source in sources:
        source.unlink()


def write_params(path: Path, seconds: float, batch_size: int = 16) -> None:
    """Write the repository's parameters, with short clips and little training."""
    params = YAML(typ="safe").load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    params["folds"] = [1]
    params["members"] = ["spec_cnn", "yamnet"]
    params["model"] |= {"networks": ["spec_cnn"], "backbones": ["yamnet"]}
    # Nothing fits in memory: training streams, however few the clips.
    params["runtime"] |= {"device": "cpu", "threads": 1, "memory_gb": 0.0}
    params["data"] |= {"root": "collection"}
    params["prepare"] |= {"seconds": seconds}
    params["trunk"] |= {"views": 2, "batch_size": batch_size}
    params["predict"] |= {"batch_size": batch_size}
    network = params["train"]["spec_cnn"]
    network["loop"] |= {"epochs": 1}
    network["net"] |= {"widths": [4, 8]}
    YAML().dump(params, path)


def write_random_backbone(path: Path) -> None:
    """Write a YAMNet with random weights. Run in a process of its own: torch is large."""
    import torch
    from safetensors.torch import save_file

    from earwitness.backbones.weights import build_backbone

    torch.manual_seed(0)
    path.parent.mkdir(parents=True)
    state = build_backbone("yamnet").state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
