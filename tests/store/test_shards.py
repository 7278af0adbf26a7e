"""Stores divided among files: to readers and writers they are as one."""

import json
import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import EarwitnessError
from earwitness.store import files, shards
from earwitness.store.arrays import ArrayReader, ArrayWriter

Pieces = list[tuple[int, int]]


@contextmanager
def shards_of(clips: int, most_open: int = 32) -> Iterator[None]:
    with (
        mock.patch.object(shards, "CLIPS_PER_SHARD", clips),
        mock.patch.object(files, "MOST_OPEN", most_open),
    ):
        yield


def values_of(clips: int, axis: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (clips, 2) if axis == 0 else (3, clips, 2)
    return {
        "wide": rng.normal(size=shape).astype(np.float32),
        "flat": rng.integers(0, 99, size=shape[: axis + 1]),
        "empty": np.empty((*shape[: axis + 1], 0), np.float16),
    }


def write(path: Path, values: dict[str, np.ndarray], axis: int, pieces: Pieces) -> None:
    """Write spans of clips in the order given; a span of one clip by its number."""
    specs = {name: (array.shape, array.dtype) for name, array in values.items()}
    with ArrayWriter(path, specs, {"rate": 16000, "name": "é"}, clip_axis=axis) as writer:
        for start, stop in pieces:
            where = start if stop == start + 1 else slice(start, stop)
            for name, array in values.items():
                if axis == 0:
                    writer.write(name, where, array[where])
                    continue
                for view in range(len(array)):
                    writer.write(name, (view, where), array[view, where])


def one_by_one(clips: int) -> Pieces:
    return [(clip, clip + 1) for clip in range(clips)]


def content(path: Path) -> dict[str, bytes]:
    parts = [path] if path.is_file() else sorted(path.iterdir())
    return {part.name: part.read_bytes() for part in parts}


@st.composite
def cut(draw: st.DrawFn) -> tuple[int, Pieces]:
    """A number of clips, cut into spans in any order."""
    clips = draw(st.integers(1, 20))
    ends = sorted({*draw(st.lists(st.integers(1, clips), max_size=6)), clips})
    pieces = list(zip([0, *ends[:-1]], ends, strict=True))
    return clips, draw(st.permutations(pieces))


@settings(max_examples=60, deadline=None)
@given(
    clips_and_pieces=cut(),
    size=st.integers(1, 22),
    axis=st.sampled_from([0, 1]),
    most_open=st.integers(1, 4),
    data=st.data(),
)
def test_a_divided_store_reads_as_one(
    tmp_path_factory: pytest.TempPathFactory,
    clips_and_pieces: tuple[int, Pieces],
    size: int,
    axis: int,
    most_open: int,
    data: st.DataObject,
) -> None:
    clips, pieces = clips_and_pieces
    path = tmp_path_factory.mktemp("store") / "a.h5"
    values = values_of(clips, axis)
    with shards_of(size, most_open):
        write(path, values, axis, pieces)
        assert path.is_dir() == (clips > size)
        reader = ArrayReader(path)
        assert reader.names == sorted(values)
        assert reader.attrs == {"rate": 16000, "name": "é"}
        rows = np.array(data.draw(st.lists(st.integers(0, clips - 1), max_size=8)), dtype=int)
        for name, array in values.items():
            assert (reader.shape(name), reader.dtype(name)) == (array.shape, array.dtype)
            np.testing.assert_array_equal(reader.read(name), array)
            if axis == 0:
                np.testing.assert_array_equal(reader.read(name, rows), array[rows])
            else:
                places = np.column_stack([rows % 3, rows])
                np.testing.assert_array_equal(reader.read(name, places), array[rows % 3, rows])
                np.testing.assert_array_equal(reader.read(name, [2, 0]), array[[2, 0]])
            with pytest.raises(IndexError, match="out of range"):
                reader.read(name, [[0, clips]] if axis else [clips])
        reader.close()


@settings(max_examples=25, deadline=None)
@given(clips_and_pieces=cut(), size=st.integers(1, 8), most_open=st.integers(1, 3))
def test_the_order_of_the_writes_does_not_show(
    tmp_path_factory: pytest.TempPathFactory,
    clips_and_pieces: tuple[int, Pieces],
    size: int,
    most_open: int,
) -> None:
    clips, pieces = clips_and_pieces
    folder = tmp_path_factory.mktemp("store")
    values = values_of(clips, 1)
    with shards_of(size):
        write(folder / "a.h5", values, 1, one_by_one(clips))
    with shards_of(size, most_open):
        write(folder / "b" / "a.h5", values, 1, pieces)
    assert content(folder / "a.h5") == content(folder / "b" / "a.h5")


def test_a_scalar_is_written_to_every_shard_of_a_span(tmp_path: Path) -> None:
    with shards_of(3), ArrayWriter(tmp_path / "a.h5", {"x": ((8,), "int64")}, {}, 0) as writer:
        writer.write("x", slice(1, 7), 5)
    assert ArrayReader(tmp_path / "a.h5").read("x").tolist() == [0, 5, 5, 5, 5, 5, 5, 0]


def test_only_stores_of_clips_are_divided(tmp_path: Path) -> None:
    specs = {"a": ((9,), "int64"), "b": ((7,), "int64")}
    with shards_of(3):
        with ArrayWriter(tmp_path / "a.h5", specs, {}):
            pass
        assert (tmp_path / "a.h5").is_file()
        with pytest.raises(ValueError, match="different numbers of clips"):
            ArrayWriter(tmp_path / "a.h5", specs, {}, clip_axis=0)


def test_few_files_are_open_at_a_time(tmp_path: Path) -> None:
    def open_files() -> int:
        return h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)

    before = open_files()
    values = values_of(20, 0)
    with shards_of(2, most_open=3):
        specs = {"wide": (values["wide"].shape, "float32")}
        with ArrayWriter(tmp_path / "a.h5", specs, {}, clip_axis=0) as writer:
            for row in [*range(20), 0, 19]:
                writer.write("wide", row, values["wide"][row])
                assert open_files() - before <= 3
        assert open_files() == before
        with ArrayReader(tmp_path / "a.h5") as reader:
            for row in np.random.default_rng(0).integers(20, size=40):
                np.testing.assert_array_equal(reader.read("wide", [row])[0], values["wide"][row])
                assert open_files() - before <= 3
        assert open_files() == before


def _write_until_killed(path: Path, after: int) -> None:
    write_one = ArrayWriter.write

    def write_or_die(self: ArrayWriter, name: str, index: Any, values: Any) -> None:
        if name == "wide" and index == after:
            os.kill(os.getpid(), signal.SIGKILL)
        write_one(self, name, index, values)

    with mock.patch.object(ArrayWriter, "write", write_or_die), shards_of(4):
        write(path, values_of(14, 0), 0, one_by_one(14))


@pytest.mark.parametrize("after", [0, 3, 4, 8, 13])
def test_killed_between_shards_nothing_half_written_is_seen(tmp_path: Path, after: int) -> None:
    fork = multiprocessing.get_context("fork")
    path = tmp_path / "a.h5"
    for previous in (False, True):
        child = fork.Process(target=_write_until_killed, args=(path, after))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        if not previous:
            assert not path.exists()
            with pytest.raises(EarwitnessError, match="does not exist"):
                ArrayReader(path).read("wide")
            with shards_of(4):
                write(path, values_of(14, 0), 0, one_by_one(14))
            whole = content(path)
            assert sorted(whole) == [f"0000{n}.h5" for n in range(4)] + ["index.json"]
    assert content(path) == whole


def test_an_error_leaves_the_previous_store(tmp_path: Path) -> None:
    path, values = tmp_path / "a.h5", values_of(6, 0)
    with shards_of(2):
        write(path, values, 0, one_by_one(6))
        before = content(path)
        with pytest.raises(IndexError):
            write(path, values, 0, [(5, 6), (6, 7)])
    assert content(path) == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("sizes", [(2, 9), (9, 2)])
def test_a_folder_and_a_file_replace_one_another(tmp_path: Path, sizes: tuple[int, int]) -> None:
    path, values = tmp_path / "a.h5", values_of(6, 0)
    for size in sizes:
        with shards_of(size):
            write(path, values, 0, one_by_one(6))
        assert path.is_dir() == (size == 2)
        np.testing.assert_array_equal(ArrayReader(path).read("wide"), values["wide"])
    assert list(tmp_path.iterdir()) == [path]


def shorten(path: Path) -> None:
    (path / "00000.h5").write_bytes((path / "00002.h5").read_bytes())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "index.json").unlink(), "a.h5 is incomplete"),
        (lambda path: (path / "index.json").write_text("[]"), "is not the index of a store"),
        (lambda path: (path / "index.json").write_text("{"), "is not the index of a store"),
        (
            lambda path: (path / "index.json").write_text(json.dumps({"axis": 0})),
            "is not the index of a store",
        ),
        (lambda path: (path / "00000.h5").unlink(), "00000.h5 does not exist"),
        (lambda path: (path / "00000.h5").write_bytes(b""), "00000.h5 is not a readable HDF5"),
        (shorten, "00000.h5 does not fit the index"),
    ],
)
def test_a_damaged_store_is_refused(tmp_path: Path, damage: Any, message: str) -> None:
    path = tmp_path / "a.h5"
    with shards_of(2):
        write(path, values_of(5, 0), 0, one_by_one(5))
    damage(path)
    with pytest.raises(EarwitnessError, match=f"{message}.*dvc repro"):
        ArrayReader(path).read("wide", [0])


def test_a_reader_of_shards_can_be_pickled_and_forked(tmp_path: Path) -> None:
    values = values_of(7, 0)
    with shards_of(3):
        write(tmp_path / "a.h5", values, 0, one_by_one(7))
    reader = ArrayReader(tmp_path / "a.h5")
    reader.read("wide", [6, 0])
    expected = values["wide"][[4, 6]]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader)).read("wide", [4, 6]), expected)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(reader.read, ("wide", [4, 6])), expected)
