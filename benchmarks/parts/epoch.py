"""An epoch of training from stored features, beside one that starts from the files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import notebook
from benchmarks.audio import waveforms
from benchmarks.cases import MODEL_A
from benchmarks.floor import BACKWARD, forward_flops, precision
from benchmarks.members import CLASSES, NETWORK, build_network, features, training
from benchmarks.rates import Bench, Way
from benchmarks.rows import Row, Wanted
from benchmarks.timing import Work
from earwitness.features.spectrogram import build_front_end
from earwitness.schema.runtime import RuntimeParams
from earwitness.training.data import ValidationData
from earwitness.training.loop import Trainer
from earwitness.training.optimiser import parameter_groups
from earwitness.training.runtime import choose_runtime
from earwitness.training.scratch import build_network as build_trained
from earwitness.training.spectrograms import SpectrogramExamples

SAME, OWN = f"{NETWORK} from files", MODEL_A.title
# Training clips of an epoch, and one validation clip for nine of them, as of ESC-50.
OURS, THEIRS, PART = 144, 72, 9
NOTE = """\
**epoch**: training and validation from stored features (augmented and mixed, with the moving
average of the weights), a network a core; beside it one network on all cores that loads,
resamples and transforms each clip when it is needed, in float32 and in one process: the same
network without augmentation, and the notebook's Model A. The rate counts training clips. A loader
with processes of its own would gain the notebook's way no more than the core that idles while it
loads."""


def ours(files: Sequence[Path], clips: int, seconds: float) -> dict[str, Work]:
    """Make an epoch of ours.

    Parameters
    ----------
    files : sequence of Path
        Real clips.
    clips : int
        To train on.
    seconds : float
        Length of a clip.

    Returns
    -------
    dict of str to callable
        One piece.
    """
    params, read = training(), features()
    front_end = build_front_end(read)
    waves = waveforms(tuple(files), min(clips, len(files)), read.sample_rate, seconds)
    some = np.stack([front_end(wave) for wave in waves]).astype(read.dtype)
    stored = np.resize(some, (clips, *some.shape[1:]))
    targets = np.arange(clips) % CLASSES
    examples = SpectrogramExamples(stored, read.channels, targets, CLASSES, params.augment, 0)
    model = build_trained(NETWORK, params, examples, CLASSES, 0)
    groups = parameter_groups([(model, params.lr)], params.loop.weight_decay)
    resources = RuntimeParams(
        device="cpu", precision="auto", threads=torch.get_num_threads(), memory_gb=4.0
    )
    trainer = Trainer(model, groups, params.loop, choose_runtime(resources), 0)
    few = max(1, clips // PART)
    validation = ValidationData((stored[:few],), torch.from_numpy(targets[:few]))

    def work() -> None:
        # All of `Trainer.fit` but the file with its state, which is of no size in a real epoch.
        loss, lr = trainer._epoch(examples, 0)
        trainer._validate(validation, 0, loss, lr)

    return {"epoch": work}


def from_files(name: str, files: Sequence[Path], clips: int, seconds: float) -> dict[str, Work]:
    """Make an epoch of the notebook's way.

    Parameters
    ----------
    name : {SAME, OWN}
        Whose network.
    files, clips, seconds
        As of `ours`.

    Returns
    -------
    dict of str to callable
        One piece.
    """
    torch.manual_seed(0)
    params = features()
    if name == SAME:
        transform = notebook.Features(params.win_samples, params.hop_samples, params.center)
        net: Any = training().net
        model, batch = build_network(NETWORK, net, 2, params.n_mels), training().loop.batch_size
    else:
        transform, batch = notebook.Features(), MODEL_A.batch
        model = build_network(MODEL_A.module, MODEL_A.net, *MODEL_A.shape[:2])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    chosen = [files[i % len(files)] for i in range(clips)]

    def batches(paths: Sequence[Path]) -> Iterator[Tensor]:
        for first in range(0, len(paths), batch):
            part = paths[first : first + batch]
            yield torch.stack([transform(notebook.load_clip(path, seconds)) for path in part])

    def work() -> None:
        _train(model, optimiser, batches(chosen))
        with torch.inference_mode():
            for x in batches(chosen[: max(1, clips // PART)]):
                model.eval()(x)

    return {"epoch": work}


def _train(model: nn.Module, optimiser: torch.optim.Optimizer, batches: Iterator[Tensor]) -> None:
    model.train()
    for x in batches:
        x = x.contiguous(memory_format=torch.channels_last)
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), torch.arange(len(x)) % CLASSES, label_smoothing=0.05)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()


def network_flops(seconds: float) -> float:
    """Count the operations of a clip's forward pass."""
    read = features()
    channels, mels, frames = build_front_end(read).shape(round(seconds * read.sample_rate))
    model = build_network(NETWORK, training().net, channels, mels).eval()
    return forward_flops(lambda: model(torch.zeros(1, channels, mels, frames)))


def rows(bench: Bench) -> list[Row]:
    """Measure the three.

    Parameters
    ----------
    bench : Bench
        The machine and the clips.

    Returns
    -------
    list of Row
        One for each way of the notebook.
    """
    clips, few = bench.least(OURS), bench.least(THEIRS)
    ways = {"ours": Way(ours, clips, (bench.files, clips, bench.seconds))}
    for name in (SAME, OWN):
        ways[name] = Way(from_files, few, (name, bench.files, few, bench.seconds), whole=True)
    rates = {name: found["epoch"] for name, found in bench.rates(ways).items()}
    flops = (1 + BACKWARD + 1 / PART) * network_flops(bench.seconds)
    limit = bench.peak.limit(flops, 0, precision())
    return [
        Row(
            f"epoch of {NETWORK}",
            rates["ours"],
            bench.machine.cores,
            name,
            rates[name],
            limit,
            wanted,
        )
        for name, wanted in ((SAME, Wanted(5, "ratio")), (OWN, None))
    ]
