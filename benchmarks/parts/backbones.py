"""Pretrained members: the store of frozen activations, fine-tuning on it, and evaluation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks import notebook
from benchmarks.audio import Scratch, waveforms
from benchmarks.floor import BACKWARD, FLOAT32, forward_flops, precision
from benchmarks.members import (
    BACKBONES,
    CLASSES,
    build_classifier,
    finetuning,
    repository_params,
)
from benchmarks.rates import Bench, Way
from benchmarks.rows import Row
from benchmarks.timing import Work
from earwitness.backbones.registry import get_record
from earwitness.backbones.trunk import build_trunk
from earwitness.schema.runtime import RuntimeParams
from earwitness.schema.trunk import TrunkParams
from earwitness.store.arrays import ArrayReader
from earwitness.training.activations import ActivationExamples
from earwitness.training.finetuning import rate_groups
from earwitness.training.loop import Trainer
from earwitness.training.runtime import choose_runtime

VIEWS = 2
CLIPS = 16  # of which the store has two views
NOTE = """\
**trunk**: stage `trunk` on stored waveforms, a view of a clip counting as a clip; paid once.
**fine-tune**: a training step on the stored activations, from making the batch to the moving
average of the weights; beside it the notebook's way for the same blocks of the same backbone: load
the file, resample it, and run the frozen blocks again. **eval**: from the waveform to logits.
Weights are random: the time does not depend on them. Limits count products and convolutions, not
Fourier transforms."""


def ours(backbone: str, files: Sequence[Path], clips: int, seconds: float) -> dict[str, Work]:
    """Make a backbone's work as the pipeline does it.

    Parameters
    ----------
    backbone : str
        Its name.
    files : sequence of Path
        Real clips.
    clips : int
        In the store; each piece of work treats `VIEWS` times as many.
    seconds : float
        Length of a clip.

    Returns
    -------
    dict of str to callable
        ``trunk``, ``eval`` and, where blocks are trained, ``fine-tune``.
    """
    torch.manual_seed(0)
    model, unfrozen = build_classifier(backbone)
    rate = get_record(backbone).sample_rate
    waves = waveforms(tuple(files), clips, rate, seconds)
    scratch, params = Scratch(), repository_params().get("trunk", TrunkParams)
    params = TrunkParams(
        VIEWS, params.roll_seconds, params.gain_db, params.noise, params.batch_size, params.dtype
    )
    audio, store = scratch.store(waves, rate), scratch.root / "trunk.h5"
    cpu = torch.device("cpu")

    def trunk() -> None:
        build_trunk(model.backbone, audio, unfrozen, params, 0, store, cpu, progress=False)

    def evaluate() -> None:
        with torch.inference_mode():
            for _ in range(VIEWS):
                model.eval().classify(torch.from_numpy(waves))

    trunk()
    works: dict[str, Work] = {"trunk": trunk, "eval": evaluate}
    if unfrozen:
        works["fine-tune"] = finetune_on(store, backbone, VIEWS * clips)
    return works


def finetune_on(store: Path, backbone: str, batch: int) -> Work:
    """Make an epoch of one training step on stored activations."""
    model, _ = build_classifier(backbone)
    params = finetuning(backbone)[0]
    with ArrayReader(store) as reader:
        boundary, levels = reader.read("boundary"), reader.read("levels")
    again = batch // boundary.shape[1]  # as many examples as a batch has
    targets = np.arange(batch) % CLASSES
    examples = ActivationExamples(
        [np.concatenate([view] * again) for view in boundary],
        [np.concatenate([view] * again) for view in levels],
        targets,
        CLASSES,
        (params.mixup_alpha, params.mixup_probability),
        0,
    )
    resources = RuntimeParams(
        device="cpu", precision="auto", threads=torch.get_num_threads(), memory_gb=4.0
    )
    trainer = Trainer(model, rate_groups(model, params), params.loop, choose_runtime(resources), 0)
    # Without the validation and the file that end an epoch: this one is of a single step.
    return lambda: trainer._epoch(examples, 0)


def theirs(backbone: str, files: Sequence[Path], batch: int, seconds: float) -> dict[str, Work]:
    """Make a training step of the same blocks through the whole backbone, from the files."""
    torch.manual_seed(0)
    model, _ = build_classifier(backbone)
    rate = get_record(backbone).sample_rate
    chosen = [files[i % len(files)] for i in range(batch)]
    targets = torch.arange(batch) % CLASSES
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)

    def step() -> None:
        model.train()
        waves = np.stack([notebook.load_clip(path, seconds, rate) for path in chosen])
        logits, _ = model.classify(torch.from_numpy(waves))
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(logits, targets).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return {"fine-tune": step}


def flops(backbone: str, seconds: float) -> dict[str, float]:
    """Count the operations that each piece of work takes for a clip."""
    model, _ = build_classifier(backbone)
    model.eval()
    wave = torch.zeros(1, round(seconds * get_record(backbone).sample_rate))
    below = forward_flops(
        lambda: model.backbone.run(model.backbone.front_end(wave), 0, model.boundary)
    )
    whole = forward_flops(lambda: model.classify(wave))
    return {"trunk": below, "fine-tune": (1 + BACKWARD) * (whole - below), "eval": whole}


def rows(bench: Bench) -> list[Row]:
    """Measure every backbone.

    Parameters
    ----------
    bench : Bench
        The machine and the clips.

    Returns
    -------
    list of Row
        Two or three for each backbone.
    """
    table, clips = [], bench.least(CLIPS)
    for name in BACKBONES:
        batch = VIEWS * clips
        unfrozen = finetuning(name)[1]
        ways = {"ours": Way(ours, batch, (name, bench.files, clips, bench.seconds))}
        if unfrozen:
            arguments = (name, bench.files, batch, bench.seconds)
            ways["notebook"] = Way(theirs, batch, arguments, whole=True)
        rates, work = bench.rates(ways), flops(name, bench.seconds)
        for piece, rate in rates["ours"].items():
            tuned = piece == "fine-tune"
            limit = bench.peak.limit(work[piece], 0, precision() if tuned else FLOAT32)
            row = Row(f"{piece} {name}", rate, bench.machine.cores, limit=limit)
            if tuned:
                rival = (f"{name} from files", rates["notebook"][piece])
                remark = f"last {unfrozen} blocks"
                row = Row(row.what, rate, row.cores, *rival, limit, remark=remark)
            table.append(row)
    return table
