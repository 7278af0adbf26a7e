"""Whether an exported file says what the model says."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.export.formats import quietly
from earwitness.export.runtime import OnnxModel

Clips = dict[int, NDArray[np.float32]]
Array = NDArray[np.floating[Any]]
Run = Callable[[Clips], Array]


class Parity(TypedDict):
    """How far a file is from the model it was made of.

    Attributes
    ----------
    max_abs_difference : float
        Of any logit of any clip, to three digits.
    top1_agreement : float
        Share of clips with the same first guess.
    """

    max_abs_difference: float
    top1_agreement: float


def open_onnx(path: Path) -> Run:
    """Open an ONNX file in onnxruntime, with as many threads as torch has."""
    return OnnxModel(path, threads=torch.get_num_threads()).logits


def open_torch_export(path: Path) -> Run:
    """Open a `torch.export` program."""
    with quietly():
        module = torch.export.load(str(path)).module()
    return lambda clips: _call(module, clips)


def open_torchscript(path: Path) -> Run:
    """Open a TorchScript file."""
    module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return lambda clips: _call(module, clips)


OPEN = {
    "onnx": open_onnx,
    "torch_export": open_torch_export,
    "torchscript": open_torchscript,
}


def ask(run: Run, clips: Clips) -> Array:
    """Ask a file or a model about clips: the first alone, the others together.

    A file that works for one number of clips only is found out.

    Parameters
    ----------
    run : callable
        From clips to logits.
    clips : dict of int to np.ndarray [shape=(B, samples)]
        By rate.

    Returns
    -------
    np.ndarray [shape=(B, classes)]
        Logits.
    """
    count = len(next(iter(clips.values())))
    parts = [slice(0, 1), slice(1, None)] if count > 1 else [slice(None)]
    return np.concatenate(
        [run({rate: rows[part] for rate, rows in clips.items()}) for part in parts]
    )


def compare(run: Run, clips: Clips, expected: Array) -> Parity:
    """Compare what a file says with what the model said.

    Parameters
    ----------
    run : callable
        The opened file.
    clips : dict of int to np.ndarray [shape=(B, samples)]
        By rate.
    expected : np.ndarray [shape=(B, classes)]
        What `ask` got from the model.

    Returns
    -------
    Parity
        Of these clips.

    Raises
    ------
    ValueError
        If the file says NaN, or something of another shape.
    """
    found = ask(run, clips)
    if found.shape != expected.shape:
        raise ValueError(f"its output has the shape {found.shape}, not {expected.shape}")
    if not np.isfinite(found).all():
        raise ValueError("its output is NaN or infinite")
    return {
        "max_abs_difference": float(f"{np.abs(found - expected).max():.3g}"),
        "top1_agreement": float((found.argmax(axis=1) == expected.argmax(axis=1)).mean()),
    }


def pick_clips(rows: Sequence[int], count: int) -> list[int]:
    """Pick clips evenly from the first to the last: neighbours are often takes of one sound.

    Parameters
    ----------
    rows : sequence of int
        Rows of the manifest.
    count : int
        How many.

    Returns
    -------
    list of int
        So many of them, or all there are.
    """
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return [int(rows[place]) for place in places]


def _call(module: Callable[..., Tensor], clips: Clips) -> Array:
    with torch.inference_mode():
        logits: Array = module(*(torch.from_numpy(clips[rate]) for rate in sorted(clips))).numpy()
    return logits
