"""Training from the disk: the same bits as from memory, and only a few clips at a time."""

import threading
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from earwitness.fold import Fold
from earwitness.store import shards
from earwitness.store.arrays import ArrayReader, ArrayWriter
from earwitness.store.items import StoredItems, open_items
from earwitness.training.prefetch import AHEAD, batches
from earwitness.training.state import fingerprint
from earwitness.training.stored import read_stored_fold
from tests.trained import (
    CLASSES,
    finetune_params,
    noise_features,
    stored_noise,
    train_backbone,
    train_network_member,
)
from tests.training.conftest import Points


def write_store(path: Path, arrays: dict[str, np.ndarray], clip_axis: int) -> Path:
    specs = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    with (
        mock.patch.object(shards, "CLIPS_PER_SHARD", 5),
        ArrayWriter(path, specs, {}, clip_axis) as writer,
    ):
        for name, array in arrays.items():
            writer.write(name, slice(None), array)
    assert path.is_dir()
    return path


def same_files(one: Path, other: Path) -> bool:
    names = [path.name for path in sorted(one.iterdir())]
    assert names == [path.name for path in sorted(other.iterdir())]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_network_is_the_same_from_memory_and_from_disk(tmp_path: Path) -> None:
    path = write_store(tmp_path / "features.h5", {"features": noise_features()}, 0)
    wanted = [("features", np.arange(12)), ("features", np.arange(6))]
    for name, memory_gb in (("memory", 1.0), ("disk", 0.0)):
        train, validation = open_items(ArrayReader(path), wanted, memory_gb)
        assert isinstance(train, StoredItems) == (name == "disk")
        train_network_member(tmp_path / name / "fold1", (train, validation))
    assert same_files(tmp_path / "memory" / "fold1", tmp_path / "disk" / "fold1")


def test_a_pretrained_member_is_the_same_from_memory_and_from_disk(tmp_path: Path) -> None:
    noise = stored_noise(2)
    views = {
        name: np.stack([array, array[::-1]])
        for name, array in (
            ("boundary", noise.train_boundary[0]),
            ("levels", noise.train_levels[0]),
        )
    }
    path = write_store(tmp_path / "trunk.h5", views, 1)
    rows, targets = np.arange(12), np.arange(12) % 3
    fold = Fold(rows, rows[:6], rows[:0], targets, rows.astype(str), CLASSES)
    for name, memory_gb in (("memory", 1.0), ("disk", 0.0)):
        data = read_stored_fold(path, fold, memory_gb)
        assert isinstance(data.train_boundary[0], StoredItems) == (name == "disk")
        train_backbone(tmp_path / name / "fold1", 2, finetune_params(), data=data)
    assert same_files(tmp_path / "memory" / "fold1", tmp_path / "disk" / "fold1")


def test_training_from_disk_reads_no_more_than_a_validation_batch_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_store(tmp_path / "features.h5", {"features": noise_features()}, 0)
    asked: list[int] = []
    read = ArrayReader.read

    def watched(self: ArrayReader, name: str, rows: Any = None) -> Any:
        values = read(self, name, rows)
        asked.append(len(values))
        return values

    monkeypatch.setattr(ArrayReader, "read", watched)
    wanted = [("features", np.arange(12)), ("features", np.arange(6))]
    train, validation = open_items(ArrayReader(path), wanted, 0.0)
    train_network_member(tmp_path / "fold1", (train, validation))
    assert set(asked) == {1, 6}  # a training example, and a batch of validation


class Counting(Points):
    """Counts how many batches were made, and by which threads."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        self.threads: set[int] = set()

    def batch(self, positions: np.ndarray, epoch: int) -> Any:
        self.made += 1
        self.threads.add(threading.get_ident())
        return super().batch(positions, epoch)


def test_batches_come_in_order_a_few_ahead_and_from_another_thread() -> None:
    data, order = Counting(), np.random.default_rng(0).permutation(30)
    starts = list(range(0, 30, 4))
    for step, (examples, (inputs, targets)) in enumerate(batches(data, order, 4, epoch=3)):
        assert data.made <= step + 1 + AHEAD
        positions = order[starts[step] :][:4]
        (expected,), expected_targets = Points().batch(positions, 3)
        assert examples == len(positions)
        assert torch.equal(inputs[0], expected)
        assert torch.equal(targets, expected_targets)
    assert data.made == len(starts)
    assert threading.get_ident() not in data.threads
    assert len(data.threads) == 1


def test_what_goes_wrong_in_a_batch_stops_the_training() -> None:
    class Broken(Points):
        def batch(self, positions: np.ndarray, epoch: int) -> Any:
            raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        next(batches(Broken(), np.arange(30), 8, 0))


def test_a_training_that_stops_leaves_no_thread_behind() -> None:
    data = Counting()
    epoch = batches(data, np.arange(30), 2, 0)
    next(epoch)
    epoch.close()
    assert data.made <= 1 + AHEAD
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


def test_the_fingerprint_of_a_divided_store_is_that_of_its_content(tmp_path: Path) -> None:
    features = noise_features()
    digests = []
    for name, values in (("a", features), ("b", features), ("c", features + 1)):
        path = write_store(tmp_path / name / "features.h5", {"features": values}, 0)
        digests.append(fingerprint([1], [path]))
    assert digests[0] == digests[1] != digests[2]
