"""Logits of a collection of stored clips."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from earwitness.inference.member import Member
from earwitness.schema.predict import PredictParams
from earwitness.store.arrays import ArrayReader, ArrayWriter


class Augmented(NamedTuple):
    """What a member says of clips.

    Attributes
    ----------
    plain : np.ndarray [shape=(B, classes)]
        Logits of the clips.
    shifted : np.ndarray [shape=(B, shifts, classes)]
        Logits of the shifted copies.
    embeddings : np.ndarray [shape=(B, D)]
        Of the clips as they are.
    """

    plain: NDArray[np.float32]
    shifted: NDArray[np.float32]
    embeddings: NDArray[np.float32]


def predict_fold(
    members: Mapping[str, Member],
    clips: ArrayReader,
    parts: Mapping[str, NDArray[np.int64]],
    params: PredictParams,
    out: Path,
) -> None:
    """Write a member's logits, plain and with test-time augmentation, and its embeddings.

    Parameters
    ----------
    members : mapping of str to Member
        By part: a refitted model has seen the validation clips, and leaves them to the one it
        was before.
    clips : ArrayReader
        Store with ``clips`` (N, samples) at the member's rate.
    parts : mapping of str to np.ndarray [shape=(n,)]
        Rows of each part ("validation", "test").
    params : PredictParams
        Shifts and batch size.
    out : Path
        Store to write: for each part ``<part>_rows``, ``<part>_plain``, ``<part>_shifted``,
        and ``<part>_embeddings`` of the clips as they are; as attributes the shifts and the
        member's number of weights.
    """
    layout: dict[str, tuple[tuple[int, ...], str]] = {}
    for part, rows in parts.items():
        clip_count, classes = len(rows), len(members[part].classes)
        shifted = (clip_count, len(params.tta_shifts_seconds), classes)
        layout[f"{part}_rows"] = ((clip_count,), "int64")
        layout[f"{part}_plain"] = ((clip_count, classes), "float32")
        layout[f"{part}_shifted"] = (shifted, "float32")
        layout[f"{part}_embeddings"] = ((clip_count, members[part].embedding_size), "float32")
    batches = [
        (part, rows, slice(start, start + params.batch_size))
        for part, rows in parts.items()
        for start in range(0, len(rows), params.batch_size)
    ]
    attrs: dict[str, str | int] = {
        "tta_shifts_seconds": json.dumps(params.tta_shifts_seconds),
        "parameters": next(iter(members.values())).parameters,
    }
    with ArrayWriter(out, layout, attrs) as writer:
        for part, rows, batch in tqdm(batches, desc=out.parent.name, unit="batch", disable=None):
            waveforms = clips.read("clips", rows[batch])
            said = augmented(members[part], waveforms, params.tta_shifts_seconds)
            place = slice(batch.start, min(batch.stop, len(rows)))
            writer.write(f"{part}_rows", place, rows[batch])
            writer.write(f"{part}_plain", place, said.plain)
            writer.write(f"{part}_shifted", place, said.shifted)
            writer.write(f"{part}_embeddings", place, said.embeddings)


def augmented(member: Member, waveforms: NDArray[np.float32], shifts: Sequence[float]) -> Augmented:
    """Classify clips, and their time-shifted copies.

    Parameters
    ----------
    member : Member
        A trained model.
    waveforms : np.ndarray [shape=(B, samples)]
        At the member's rate.
    shifts : sequence of float
        In seconds; 0.0 is the clip itself.

    Returns
    -------
    Augmented
        Of these clips.
    """
    inputs = member.read(waveforms)
    plain, embeddings = member.run(inputs)
    by_shift = [member.run(member.shift(inputs, shift))[0] if shift else plain for shift in shifts]
    return Augmented(plain, np.stack(by_shift, axis=1), embeddings)
