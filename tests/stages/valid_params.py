"""A small valid params.yaml, as a dictionary to break in one place."""

from copy import deepcopy
from typing import Any

LOOP = {
    "epochs": 2,
    "batch_size": 8,
    "accumulate": 1,
    "schedule": "onecycle",
    "warmup": 0.2,
    "weight_decay": 0.01,
    "clip_norm": 5.0,
    "label_smoothing": 0.05,
    "ema_decay": 0.9,
    "select": "ema",
}

VALID = {
    "seed": 42,
    "folds": [1, 2],
    "members": ["spec_cnn", "yamnet"],
    "model": {
        "networks": ["spec_cnn"],
        "backbones": ["yamnet"],
        "unfreeze_last_n": 4,
        "layers": "weighted",
    },
    "runtime": {"device": "auto", "precision": "auto", "threads": 0, "memory_gb": 1.0},
    "data": {
        "name": "tiny",
        "root": "data/raw/tiny",
        "url": "https://example.org/tiny.zip",
        "sha256": "",
        "on_bad": "fail",
    },
    "prepare": {"seconds": 5.0, "resampler": "HQ"},
    "splits": {"validation_fraction": 0.25},
    "features": {
        "spec_cnn": {
            "kind": "spectrogram",
            "channels": ["log_mel", "pcen"],
            "sample_rate": 16000,
            "n_fft": 1024,
            "win_samples": 800,
            "hop_samples": 320,
            "n_mels": 64,
            "f_min": 20.0,
            "f_max": 8000.0,
            "power": 2.0,
            "center": True,
            "pad_mode": "constant",
            "norm": "slaney",
            "mel_scale": "slaney",
            "amin": 1e-10,
            "top_db": 80.0,
            "pcen": {
                "scale": 2147483648.0,
                "gain": 0.98,
                "bias": 2.0,
                "power": 0.5,
                "time_constant": 0.4,
                "eps": 1e-6,
            },
            "dtype": "float16",
        }
    },
    "weights": {"incoming": "models/pretrained/incoming", "sha256": {}},
    "trunk": {
        "views": 2,
        "roll_seconds": 2.5,
        "gain_db": 6.0,
        "noise": 0.005,
        "batch_size": 16,
        "dtype": "float16",
    },
    "train": {
        "spec_cnn": {
            "lr": 0.003,
            "loop": LOOP,
            "augment": {
                "roll": 0.5,
                "gain_db": 6.0,
                "filter_db": 0.0,
                "time_masks": 2,
                "time_mask_frames": 24,
                "frequency_masks": 2,
                "frequency_mask_bins": 8,
                "mask_probability": 0.9,
                "mixing": "mixup",
                "mixup_alpha": 0.4,
                "mixup_probability": 1.0,
                "crop": 1.0,
            },
            "net": {
                "widths": [8, 16],
                "blocks": 1,
                "se_reduction": 4,
                "stem_stride": 2,
                "downsample": "stride",
                "residual": True,
                "pooling": "mean_max",
                "dropout": 0.2,
            },
        }
    },
    "finetune": {
        "yamnet": {
            "unfreeze_last_n": None,
            "baseline_c": [0.01],
            "baseline_views": 1,
            "refit": True,
            "keep": "better",
            "lr_head": 0.0003,
            "lr_backbone": 0.0001,
            "layer_decay": 0.85,
            "mixup_alpha": 0.4,
            "mixup_probability": 0.5,
            "head": {"attention_hidden": 16, "dropout": 0.4},
            "loop": LOOP,
        }
    },
    "predict": {"tta_shifts_seconds": [0.0, -0.1, 0.1], "batch_size": 16},
    "ensemble": {"methods": ["log_linear"], "l2": 0.01, "greedy_steps": 5, "shift_counts": [1, 3]},
    "evaluate": {"ece_bins": 15},
    "tsne": {"perplexity": 30.0},
    "export": {
        "fold": None,
        "formats": ["onnx"],
        "time_shifts": True,
        "clips": 8,
        "tolerance": 0.01,
    },
    "repro": {"threads": {"prepare": 0}, "memory_gb": {"default": 2.5}, "gpu": ["train"]},
}

REMOVED = object()


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The valid parameters with some keys, given by their path, set or REMOVED."""
    params: dict[str, Any] = deepcopy(VALID)
    for path, value in changes.items():
        *sections, key = path.split(".")
        inside = params
        for section in sections:
            inside = inside[section]
        if value is REMOVED:
            del inside[key]
        else:
            inside[key] = value
    return params
