"""A full disk: one clear sentence, the old artifact as it was, nothing left beside it."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness.backbones.obtain import write_weights
from earwitness.backbones.registry import get_record
from earwitness.errors import EarwitnessError
from earwitness.inference.checkpoint import write_checkpoint
from earwitness.plots.style import drawing
from earwitness.store import files, shards
from earwitness.store.arrays import ArrayReader, ArrayWriter
from earwitness.store.atomic import open_csv, write_csv, write_json, write_text
from earwitness.training.state import TrainingState

BYTES = 50_000


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow beyond `BYTES`: writing fails in the middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_store(path: Path, rows: int) -> None:
    """In many small writes, which HDF5 would rather hold back."""
    with ArrayWriter(path, {"x": ((rows, 100), "float32")}, {}) as writer:
        for row in range(rows):
            writer.write("x", row, np.full(100, row, dtype=np.float32))


def write_shards(path: Path, rows: int) -> None:
    """Beyond 200 rows a folder, of whose files none fits."""
    specs = {"x": ((rows, 100), "float32")}
    with (
        mock.patch.object(shards, "CLIPS_PER_SHARD", 200),
        ArrayWriter(path, specs, {}, clip_axis=0) as writer,
    ):
        writer.write("x", slice(0, rows), np.ones((rows, 100), np.float32))


def write_rows(path: Path, rows: int) -> None:
    with open_csv(path, ["x"]) as add:
        for row in range(rows):
            add([row])


def write_member(path: Path, size: int) -> None:
    tensors = {"model": {"weight": torch.arange(size, dtype=torch.float32)}}
    write_checkpoint(path, {"member": "net"}, tensors, [])


def write_pretrained(path: Path, size: int) -> None:
    write_weights(get_record("yamnet"), {"weight": torch.zeros(size)}, None, path)


def draw(path: Path, size: int) -> None:
    with drawing(path, size / 100, size / 100) as figure:
        figure.add_subplot().imshow(np.random.default_rng(0).random((size, size)), cmap="hsv")


def save_state(path: Path, size: int) -> None:
    TrainingState(path, "run").save({"weight": torch.zeros(size)})


# A small artifact and one that does not fit.
WRITERS: dict[str, tuple[str, Callable[[Path, int], None], int, int]] = {
    "text": ("a.txt", lambda path, size: write_text(path, "x" * size), 10, 100_000),
    "json": ("a.json", lambda path, size: write_json(path, [1] * size), 10, 50_000),
    "csv": ("a.csv", lambda path, n: write_csv(path, pd.DataFrame({"x": range(n)})), 10, 50_000),
    "rows": ("a.csv", write_rows, 10, 50_000),
    "store": ("a.h5", write_store, 10, 10_000),
    "shards": ("a.h5", write_shards, 10, 1000),
    "member": ("fold1", write_member, 10, 50_000),
    "pretrained": ("net.safetensors", write_pretrained, 10, 50_000),
    "state": ("net.pt", save_state, 10, 50_000),
    "plot": ("a.png", draw, 100, 500),
}


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", WRITERS)
def test_the_old_artifact_stays_and_the_error_says_what_to_do(tmp_path: Path, name: str) -> None:
    filename, write, fits, too_much = WRITERS[name]
    target = tmp_path / filename
    write(target, fits)
    before = content(tmp_path)
    assert before
    with no_room(), pytest.raises(EarwitnessError) as told:
        write(target, too_much)
    assert content(tmp_path) == before
    message = str(told.value)
    assert message.startswith(f"{target} cannot be written because the disk")
    assert "MB free" in message
    assert "free some space, then run the same command again" in message
    assert "\n" not in message
    write(target, too_much)  # once there is room
    assert content(tmp_path) != before


def test_the_space_of_a_store_is_taken_before_the_work_begins(tmp_path: Path) -> None:
    began = False
    with (
        no_room(),
        pytest.raises(EarwitnessError, match="free some space"),
        ArrayWriter(tmp_path / "a.h5", {"x": ((BYTES,), "float32")}, {}),
    ):
        began = True
    assert not began


def test_a_store_on_a_file_system_that_cannot_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 must fail at the write, not over and over at closing the file, nor crash."""
    monkeypatch.setattr(files, "reserve_space", lambda path, size: None)
    target = tmp_path / "a.h5"
    write_store(target, 10)
    for _ in range(3):
        with no_room(), pytest.raises(EarwitnessError, match="free some space"):
            write_store(target, 1000)
    with ArrayReader(target) as reader:
        assert reader.shape("x") == (10, 100)
    assert list(tmp_path.iterdir()) == [target]
    write_store(target, 1000)


def test_another_error_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FileExistsError):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(ZeroDivisionError):
        write_store(tmp_path / "a.h5", 1 // 0)
