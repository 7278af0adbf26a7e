from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.store import shards
from earwitness.store.arrays import ArrayReader, ArrayWriter
from earwitness.store.items import StoredItems, open_items

VALUES = np.random.default_rng(0).normal(size=(3, 7, 4, 2)).astype(np.float16)


@pytest.fixture(scope="module", params=[3, 100])
def reader(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> ArrayReader:
    """A store in three shards, and one in a single file."""
    path = tmp_path_factory.mktemp("items") / "a.h5"
    with (
        mock.patch.object(shards, "CLIPS_PER_SHARD", request.param),
        ArrayWriter(path, {"x": (VALUES.shape, VALUES.dtype)}, {}, clip_axis=1) as writer,
    ):
        writer.write("x", slice(None), VALUES)
    return ArrayReader(path)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.integers(0, 6), min_size=1, max_size=9),
    ends=st.tuples(st.integers(-10, 10), st.integers(-10, 10)),
    data=st.data(),
)
def test_stored_items_are_like_an_array(
    reader: ArrayReader, rows: list[int], ends: tuple[int, int], data: st.DataObject
) -> None:
    places = np.column_stack([np.array(rows) % 3, rows])
    items, array = StoredItems(reader, "x", places), VALUES[places[:, 0], places[:, 1]]
    position = data.draw(st.integers(0, len(rows) - 1))
    assert (len(items), items.shape) == (len(array), array.shape)
    np.testing.assert_array_equal(items[position], array[position])
    np.testing.assert_array_equal(items[slice(*ends)], array[slice(*ends)])
    assert items[position].dtype == array.dtype
    with pytest.raises(IndexError):
        items[len(rows)]


def test_what_fits_is_in_memory_and_what_does_not_is_not(reader: ArrayReader) -> None:
    views = np.array([0, 2])
    clips = np.array([[0, 5], [1, 1], [2, 6]])
    wanted = [("x", views), ("x", clips)]
    needed = (2 * 7 + 3) * 4 * 2 * 2 / 1e9
    for memory_gb, kind in ((needed, np.ndarray), (0.99 * needed, StoredItems)):
        items = open_items(reader, wanted, memory_gb)
        assert [type(entry) for entry in items] == [kind, kind]
        np.testing.assert_array_equal(items[0][0:2], VALUES[views])
        np.testing.assert_array_equal(items[1][0:3], VALUES[clips[:, 0], clips[:, 1]])
