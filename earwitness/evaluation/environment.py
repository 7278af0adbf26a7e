"""What the bits of the results depend on beside code, parameters and data."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import soundfile
import soxr

# Whose arithmetic, decoding or file format is in the results.
PACKAGES = (
    "h5py",
    "librosa",
    "numpy",
    "safetensors",
    "scikit-learn",
    "scipy",
    "soundfile",
    "soxr",
    "torch",
    "torchaudio",
)


def describe_environment(
    members: Path, names: Sequence[str], folds: Sequence[int]
) -> dict[str, Any]:
    """Name the versions at hand, and what each member was trained with.

    Parameters
    ----------
    members : Path
        Folder with ``<member>/fold<k>/config.json``.
    names : sequence of str
        Members of the ensemble.
    folds : sequence of int
        Test folds.

    Returns
    -------
    dict
        ``versions.<package>`` and ``trained_with.<member>.{device,precision,cpu_capability,
        threads,torch}``; where folds differ, all values side by side. Ready for JSON.
    """
    return {
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
            "libhdf5": h5py.version.hdf5_version,
            "libsndfile": soundfile.__libsndfile_version__,
            "libsoxr": soxr.__libsoxr_version__,
        },
        "trained_with": {name: _trained_with(members / name, folds) for name in names},
    }


def _trained_with(member: Path, folds: Sequence[int]) -> dict[str, str | int]:
    configs = [
        json.loads((member / f"fold{fold}" / "config.json").read_text(encoding="utf-8"))
        for fold in folds
    ]
    merged = {}
    for key in configs[0]["trained_with"]:
        values = dict.fromkeys(config["trained_with"].get(key) for config in configs)
        merged[key] = next(iter(values)) if len(values) == 1 else " and ".join(map(str, values))
    return merged
