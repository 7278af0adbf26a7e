"""Maps of the test clips as the members see them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from earwitness.evaluation.groups import group_of
from earwitness.store.arrays import ArrayReader

COMPONENTS = 50
FEWEST_CLIPS = 4


def tsne_table(
    predictions: Path,
    members: Sequence[str],
    folds: Sequence[int],
    manifest: pd.DataFrame,
    *,
    perplexity: float,
    seed: int,
) -> pd.DataFrame:
    """Map the test clips of each fold by each member's embeddings.

    Every fold has a map of its own: its model is another one, and the embeddings of two
    networks have nothing to do with each other.

    Parameters
    ----------
    predictions : Path
        Folder with ``<member>/fold<k>.h5``.
    members : sequence of str
        The members.
    folds : sequence of int
        The test folds; others in the folder are left alone.
    manifest : pd.DataFrame
        Gives file names and categories.
    perplexity : float
        Of t-SNE: about how many neighbours count.
    seed : int
        Of t-SNE.

    Returns
    -------
    pd.DataFrame
        Columns member, fold, filename, category, group, x, y; folds of fewer than four test
        clips are left out.
    """
    tables = []
    for member in members:
        for fold in folds:
            with ArrayReader(predictions / member / f"fold{fold}.h5") as reader:
                rows, embeddings = reader.read("test_rows"), reader.read("test_embeddings")
            if len(rows) < FEWEST_CLIPS:
                continue
            clips = manifest.iloc[rows]
            places = embed_in_plane(embeddings, perplexity=perplexity, seed=seed).round(3)
            tables.append(
                pd.DataFrame(
                    {
                        "member": member,
                        "fold": fold,
                        "filename": clips["filename"].to_numpy(),
                        "category": clips["category"].to_numpy(),
                        "group": clips["category"].map(group_of).to_numpy(),
                        "x": places[:, 0],
                        "y": places[:, 1],
                    }
                )
            )
    columns = ["member", "fold", "filename", "category", "group", "x", "y"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def embed_in_plane(
    embeddings: npt.NDArray[np.float32], *, perplexity: float, seed: int
) -> npt.NDArray[np.float32]:
    """Place points in the plane so that neighbours stay neighbours (van der Maaten 2008).

    Parameters
    ----------
    embeddings : np.ndarray, shape (n, D)
        At least four points; reduced to 50 principal components first.
    perplexity : float
        Lowered for few points, as t-SNE needs three times as many.
    seed : int
        Of t-SNE.

    Returns
    -------
    np.ndarray
        Shape (n, 2).
    """
    count, size = embeddings.shape
    # One thread: with more, sums are taken in another order and the map is another one.
    with threadpool_limits(1):
        pca = PCA(min(COMPONENTS, count - 1, size), svd_solver="full")
        reduced = pca.fit_transform(embeddings.astype(np.float64))
        start = np.zeros((count, 2))
        start[:, : reduced.shape[1]] = reduced[:, :2]
        # As TSNE's own init="pca", which divides by zero when all points are equal.
        start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
        tsne = TSNE(
            perplexity=min(perplexity, (count - 1) / 3),
            init=start.astype(np.float32),
            random_state=seed,
        )
        places: npt.NDArray[np.float32] = tsne.fit_transform(reduced.astype(np.float32))
    return places
