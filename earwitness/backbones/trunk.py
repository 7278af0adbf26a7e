"""The store of frozen activations: what does not change is computed once for each view."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from earwitness.augment.waveform import alter
from earwitness.backbones.base import Backbone
from earwitness.errors import EarwitnessError
from earwitness.schema.trunk import TrunkParams
from earwitness.store.arrays import ArrayReader, ArrayWriter

FloatArray = NDArray[np.float32]


def build_trunk(
    backbone: Backbone,
    clips: ArrayReader,
    unfrozen: int,
    params: TrunkParams,
    seed: int,
    out: Path,
    device: torch.device,
    progress: bool = True,
) -> None:
    """Run the frozen blocks on every view of every clip and store what comes out.

    View 0 is the clip itself; the others are altered waveforms, each from a generator of its
    own, seeded with (seed, view, row).

    Parameters
    ----------
    backbone : Backbone
        With its pretrained weights.
    clips : ArrayReader
        Waveforms: array "clips" (N, n), attribute "sample_rate".
    unfrozen : int
        How many of the last blocks stay out of the store.
    params : TrunkParams
        Number and nature of the views, batch size and stored type.
    seed : int
        Of the run.
    out : Path
        The file to write: "boundary" (V, N, ...), the input of the first block that is
        trained (with `unfrozen` = 0 the last block's output), and "levels" (V, N, D)
        float32, the pooled outputs of the frozen blocks.
    device : torch.device
        Where to compute.
    progress : bool
        Whether to show a bar on a terminal.

    Raises
    ------
    EarwitnessError
        If the backbone has fewer blocks than `unfrozen`, the clips have another sample rate
        than it reads, or an activation does not fit the stored type.
    """
    record = backbone.record
    stop = record.boundary(unfrozen)
    rate = int(clips.attrs["sample_rate"])
    if rate != record.sample_rate:
        raise EarwitnessError(
            f"{clips.path} is at {rate} Hz, but {record.name} reads {record.sample_rate} Hz: "
            "run `dvc repro prepare` again"
        )
    count, samples = clips.shape("clips")
    backbone = backbone.to(device).eval()
    boundary, levels = _run(backbone, np.zeros((1, samples), np.float32), stop, device)
    arrays = {
        "boundary": ((params.views, count, *boundary.shape[1:]), params.dtype),
        "levels": ((params.views, count, levels.shape[1]), "float32"),
    }
    attrs: dict[str, str | int | float] = {"backbone": record.name, "unfrozen": unfrozen}
    bar = tqdm(
        total=params.views * count,
        desc=f"trunk {record.name}",
        unit="clip",
        disable=None if progress else True,
    )
    with bar, ArrayWriter(out, arrays, attrs, clip_axis=1) as writer:
        for view, rows, waveforms in _batches(clips, rate, params, seed):
            boundary, levels = _run(backbone, waveforms, stop, device)
            place = (view, slice(rows.start, rows.stop))
            writer.write("boundary", place, _narrow(boundary, params.dtype, record.name))
            if levels.shape[1]:
                writer.write("levels", place, levels)
            bar.update(len(rows))


def _batches(
    clips: ArrayReader, sample_rate: int, params: TrunkParams, seed: int
) -> Iterator[tuple[int, range, FloatArray]]:
    """Yield view, rows and waveforms (B, n): all views of some clips, then of the next."""
    count = clips.shape("clips")[0]
    for start in range(0, count, params.batch_size):
        rows = range(start, min(start + params.batch_size, count))
        original = clips.read("clips", np.array(rows))
        yield 0, rows, original
        for view in range(1, params.views):
            rngs = (np.random.default_rng([seed, view, row]) for row in rows)
            altered = [
                alter(waveform, sample_rate, params, rng)
                for waveform, rng in zip(original, rngs, strict=True)
            ]
            yield view, rows, np.stack(altered)


@torch.inference_mode()
def _run(
    backbone: Backbone, waveforms: FloatArray, stop: int, device: torch.device
) -> tuple[FloatArray, FloatArray]:
    x = backbone.front_end(torch.from_numpy(waveforms).to(device))
    boundary, levels = backbone.run(x, 0, stop)
    return boundary.cpu().numpy(), levels.cpu().numpy()


def _narrow(values: FloatArray, dtype: str, name: str) -> NDArray[np.floating]:
    """Convert to the stored type, which must hold every value (contiguous, channels first)."""
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(values, dtype=dtype)
    if not np.isfinite(narrow).all():
        raise EarwitnessError(
            f"an activation of {name} is not finite in {dtype}: set trunk.dtype to float32"
        )
    return narrow
