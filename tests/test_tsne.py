"""Maps of embeddings: the same again, and neighbours stay neighbours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.evaluation.tsne import embed_in_plane, tsne_table
from earwitness.store.arrays import ArrayWriter


def blobs(count: int = 60, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    blob = np.arange(count) % 3
    return (10 * rng.normal(size=(3, size))[blob] + rng.normal(size=(count, size))).astype(
        np.float32
    ), blob


def test_neighbours_stay_neighbours() -> None:
    embeddings, blob = blobs()
    places = embed_in_plane(embeddings, perplexity=10.0, seed=0)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (blob[distance.argmin(axis=1)] == blob).all()


def test_the_same_embeddings_give_the_same_map() -> None:
    embeddings, _ = blobs()
    first, second = (embed_in_plane(embeddings, perplexity=10.0, seed=0) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("count", "size"), [(4, 128), (5, 1), (9, 2)])
def test_few_clips_and_narrow_embeddings_have_a_map(count: int, size: int) -> None:
    embeddings, _ = blobs(count, size)
    places = embed_in_plane(embeddings, perplexity=30.0, seed=0)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_equal_embeddings_have_a_map() -> None:
    assert np.isfinite(embed_in_plane(np.ones((8, 4), np.float32), perplexity=3.0, seed=0)).all()


def test_each_member_and_fold_has_a_map_of_its_own(tmp_path: Path) -> None:
    embeddings, _ = blobs()
    rows = {1: np.arange(20)[::-1], 2: np.arange(20, 40), 3: np.arange(40, 43)}
    for member in ("net", "bone"):
        for fold, own in rows.items():
            layout = {
                "test_rows": ((len(own),), "int64"),
                "test_embeddings": ((len(own), 128), "float32"),
            }
            path = tmp_path / member / f"fold{fold}.h5"
            with ArrayWriter(path, layout, {}) as writer:
                writer.write("test_rows", slice(None), own)
                writer.write("test_embeddings", slice(None), embeddings[own])
    manifest = pd.DataFrame(
        {"filename": [f"{row}.wav" for row in range(60)], "category": ["dog", "siren", "gong"] * 20}
    )
    table = tsne_table(tmp_path, ["net", "bone"], [1, 3], manifest, perplexity=5.0, seed=0)
    # Fold 3 has too few clips, and fold 2 was not asked for.
    assert len(table) == 40
    first = table.iloc[0]
    assert (first["member"], first["fold"]) == ("net", 1)
    assert (first["filename"], first["category"], first["group"]) == ("19.wav", "siren", "exterior")
    one, other = (table.loc[table["member"] == m, ["x", "y"]].to_numpy() for m in ("net", "bone"))
    assert np.array_equal(one, other)
    none = tsne_table(tmp_path, ["net"], [3], manifest, perplexity=5.0, seed=0)
    assert none.empty
    assert list(none) == list(table)
