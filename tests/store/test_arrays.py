import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import EarwitnessError
from earwitness.store.arrays import ArrayReader, ArrayWriter
from earwitness.store.files import create_file


def write(path: Path, order: Any = range(6), **attrs: Any) -> np.ndarray:
    values = np.arange(6 * 2 * 3, dtype=np.float32).reshape(6, 2, 3)
    arrays = {"clips": (values.shape, np.float32), "rows": ((6,), "int64")}
    with ArrayWriter(path, arrays, attrs or {"sample_rate": 16000}) as writer:
        for row in order:
            writer.write("rows", row, row)
            writer.write("clips", row, values[row])
    return values


def test_what_is_written_is_read(tmp_path: Path) -> None:
    values = write(tmp_path / "a.h5", name="é", rate=16000, share=0.5)
    with ArrayReader(tmp_path / "a.h5") as reader:
        assert reader.names == ["clips", "rows"]
        assert reader.shape("clips") == (6, 2, 3)
        assert reader.attrs == {"name": "é", "rate": 16000, "share": 0.5}
        assert {type(value) for value in reader.attrs.values()} == {str, int, float}
        np.testing.assert_array_equal(reader.read("clips"), values)
        assert reader.read("clips").dtype == np.float32
        np.testing.assert_array_equal(reader.read("rows"), np.arange(6))


def test_bytes_depend_on_content_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    write(tmp_path / "other.h5", order=[5, 0, 3, 1, 4, 2])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "other.h5").read_bytes()


def test_arrays_are_contiguous_and_uncompressed(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["clips"].chunks is None
        assert file["clips"].compression is None


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.integers(0, 5), max_size=12))
def test_rows_come_in_the_order_asked_for(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int]
) -> None:
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    values = write(path)
    np.testing.assert_array_equal(
        ArrayReader(path).read("clips", rows), values[np.array(rows, dtype=int)]
    )


def test_places_on_two_axes(tmp_path: Path) -> None:
    values = write(tmp_path / "a.h5")
    places = np.array([[5, 1], [0, 0], [5, 1]])
    np.testing.assert_array_equal(
        ArrayReader(tmp_path / "a.h5").read("clips", places), values[places[:, 0], places[:, 1]]
    )


@pytest.mark.parametrize("rows", [[6], [-1], [[0, 2]]])
def test_rows_out_of_range(tmp_path: Path, rows: Any) -> None:
    write(tmp_path / "a.h5")
    with pytest.raises(IndexError, match="out of range"):
        ArrayReader(tmp_path / "a.h5").read("clips", rows)


def test_an_empty_axis(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "a.h5", {"levels": ((2, 4, 0), np.float32)}, {}):
        pass
    reader = ArrayReader(tmp_path / "a.h5")
    assert reader.read("levels").shape == (2, 4, 0)
    assert reader.read("levels", [[0, 3]]).shape == (1, 0)


def test_an_error_while_writing_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    values = write(path)
    with (
        pytest.raises(ZeroDivisionError),
        ArrayWriter(path, {"clips": ((1,), np.float32)}, {}) as writer,
    ):
        writer.write("clips", 0, 1.0)
        raise ZeroDivisionError
    np.testing.assert_array_equal(ArrayReader(path).read("clips"), values)
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(TypeError),
        ArrayWriter(tmp_path / "a.h5", {"x": ((1,), "no such type")}, {}),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def unmarked(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["clips"] = np.zeros((2, 2))


def unfinished(path: Path) -> None:
    create_file(path, {"clips": ((2, 2), np.float32)}, {}).close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_bytes(b"not hdf5"), "not a readable HDF5 file"),
        (lambda path: path.write_bytes(b""), "not a readable HDF5 file"),
        (unmarked, "is incomplete"),
        (unfinished, "is incomplete"),
    ],
)
def test_no_half_file_is_read(tmp_path: Path, make: Any, message: str) -> None:
    path = tmp_path / "a.h5"
    make(path)
    with pytest.raises(EarwitnessError, match=f"a.h5.*{message}.*dvc repro"):
        ArrayReader(path).read("clips")


def test_an_unknown_array_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    with pytest.raises(EarwitnessError, match=r"no array 'cilps' .it has clips, rows"):
        ArrayReader(tmp_path / "a.h5").shape("cilps")


def test_an_open_reader_can_be_pickled(tmp_path: Path) -> None:
    values = write(tmp_path / "a.h5")
    reader = ArrayReader(tmp_path / "a.h5")
    reader.read("clips")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader)).read("clips"), values)


def test_an_open_reader_survives_a_fork(tmp_path: Path) -> None:
    values = write(tmp_path / "a.h5")
    reader = ArrayReader(tmp_path / "a.h5")
    reader.read("clips")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(reader.read, ("clips", [4, 2])), values[[4, 2]])


def test_a_closed_reader_opens_again(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    reader = ArrayReader(tmp_path / "a.h5")
    reader.shape("clips")
    reader.close()
    reader.close()
    assert reader.shape("clips") == (6, 2, 3)
