"""Training examples a second, read from memory and from the disk.

``python -m benchmarks.loader data/features/spec_cnn.h5`` makes one epoch of augmented, mixed
examples each way, on one core and without a model, for comparison with what a model trains on.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from earwitness.schema.features import FeatureParams, WaveformParams
from earwitness.schema.train import TrainParams
from earwitness.store.arrays import ArrayReader
from earwitness.store.items import Items, open_items
from earwitness.training.spectrograms import SpectrogramExamples
from stages.params import open_params

BATCH, CLASSES = 32, 50


def examples_a_second(features: Items, channels: tuple[str, ...], params: TrainParams) -> float:
    """Make one epoch of examples and count them by the second."""
    rows = np.arange(len(features))
    targets = rows % CLASSES
    examples = SpectrogramExamples(features, channels, targets, CLASSES, params.augment, seed=0)
    order = np.random.default_rng(0).permutation(rows)
    start = time.perf_counter()
    for first in range(0, len(order), BATCH):
        examples.batch(order[first : first + BATCH], epoch=0)
    return len(order) / (time.perf_counter() - start)


def main() -> None:
    """Measure both ways and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path, help="data/features/<network>.h5")
    arguments = parser.parse_args()
    network, params = arguments.store.stem, open_params()
    train = params.get(f"train.{network}", TrainParams)
    channels = params.get(f"features.{network}", FeatureParams | WaveformParams).channels
    reader = ArrayReader(arguments.store)
    wanted = [("features", np.arange(reader.shape("features")[0]))]
    for place, memory_gb in (("memory", float("inf")), ("disk", 0.0)):
        (features,) = open_items(reader, wanted, memory_gb)
        print(f"{place}: {examples_a_second(features, channels, train):.0f} examples a second")


if __name__ == "__main__":
    main()
