"""One epoch of fine-tuning a speech model, with and without the store of frozen activations.

``python -m benchmarks.trunk`` trains the last layers of WAV2VEC2_BASE at random weights on random
audio twice, from the same start: on stored activations, and through the whole model, whose frozen
part then runs again for every clip. Building the store is timed apart: it is paid once, not once
an epoch. Time does not depend on what the weights are.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.trunk import build_trunk
from earwitness.backbones.weights import build_backbone
from earwitness.schema.finetune import HeadParams
from earwitness.schema.trunk import TrunkParams
from earwitness.store.arrays import ArrayReader, ArrayWriter

CLASSES = 50
RATE = 16000
TRUNK = TrunkParams(
    views=1, roll_seconds=0.0, gain_db=0.0, noise=0.0, batch_size=8, dtype="float32"
)

Logits = Callable[[PretrainedClassifier, np.ndarray], Tensor]


@dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes
    ----------
    store_seconds : float
        Building the store; all times are processor time, because on a busy machine the clock
        says nothing about the code.
    stored_seconds, whole_seconds : float
        One epoch on the store, and through the whole model.
    before, after : float
        Largest difference of the two models' logits before and after that epoch.
    """

    store_seconds: float
    stored_seconds: float
    whole_seconds: float
    before: float
    after: float


def epoch(model: PretrainedClassifier, logits: Logits, targets: Tensor, batch: int) -> float:
    """Train for one epoch and return its processor time in seconds."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-5)
    start = time.process_time()
    for rows in np.array_split(np.arange(len(targets)), -(-len(targets) // batch)):
        loss = F.cross_entropy(logits(model, rows), targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return time.process_time() - start


def measure(name: str, clips: int, seconds: float, unfrozen: int, batch: int) -> Result:
    """Train both ways on `clips` random clips."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    waveforms = rng.normal(0, 0.1, (clips, round(seconds * RATE))).astype(np.float32)
    targets = torch.from_numpy(rng.integers(CLASSES, size=clips))
    backbone = build_backbone(name)
    with tempfile.TemporaryDirectory() as folder:
        audio, store = Path(folder, "audio.h5"), Path(folder, "trunk.h5")
        arrays = {"clips": (waveforms.shape, "float32")}
        with ArrayWriter(audio, arrays, {"sample_rate": RATE}) as writer:
            writer.write("clips", slice(None), waveforms)
        start = time.process_time()
        with ArrayReader(audio) as reader:
            build_trunk(backbone, reader, unfrozen, TRUNK, 0, store, torch.device("cpu"))
        store_seconds = time.process_time() - start
        with ArrayReader(store) as reader:
            boundary = torch.from_numpy(reader.read("boundary")[0])
            levels = torch.from_numpy(reader.read("levels")[0])

    def stored(model: PretrainedClassifier, rows: np.ndarray) -> Tensor:
        output: Tensor = model(boundary[rows], levels[rows])
        return output

    def whole(model: PretrainedClassifier, rows: np.ndarray) -> Tensor:
        return model.classify(torch.from_numpy(waveforms[rows]))

    model = PretrainedClassifier(backbone, unfrozen, CLASSES, HeadParams(256, 0.0))
    torch.nn.init.normal_(model.head.attended.weight, std=0.02)
    models = (model, copy.deepcopy(model))
    ways = (stored, whole)

    def difference() -> float:
        rows = np.arange(min(clips, batch))
        with torch.inference_mode():
            left, right = (way(model, rows) for way, model in zip(ways, models, strict=True))
        return float((left - right).abs().max())

    before = difference()  # warms both up
    times = [epoch(m, way, targets, batch) for m, way in zip(models, ways, strict=True)]
    return Result(store_seconds, *times, before, difference())


def main() -> None:
    """Print a comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="wav2vec2_base")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a clip")
    parser.add_argument("--unfreeze", type=int, default=4, help="layers that are trained")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few short clips, as a test")
    options = parser.parse_args()
    clips, seconds = (4, 0.5) if options.quick else (options.clips, options.seconds)
    torch.set_num_threads(options.threads)
    result = measure(options.backbone, clips, seconds, options.unfreeze, options.batch)
    trained = f"{options.unfreeze} layers trained"
    print(f"{options.backbone}, {trained}, {clips} clips of {seconds} s, processor time")
    print(f"building the store, once   {result.store_seconds:8.1f} s")
    print(f"an epoch on the store      {result.stored_seconds:8.1f} s")
    print(f"an epoch, whole model      {result.whole_seconds:8.1f} s")
    print(f"ratio of the epochs        {result.whole_seconds / result.stored_seconds:8.2f}")
    print(f"largest difference of logits: {result.before:.1e}, after the epoch {result.after:.1e}")


if __name__ == "__main__":
    main()
