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
    plain, tta : np.ndarray [shape=(B, classes)]
        Logits of the clips, and the mean of the logits over the shifts.
    embeddings : np.ndarray [shape=(B, D)]
        Of the clips as they are.
    """

    plain: NDArray[np.float32]
    tta: NDArray[np.float32]
    embeddings: NDArray[np.float32]


def predict_fold(
    member: Member,
    clips: ArrayReader,
    parts: Mapping[str, NDArray[np.int64]],
    params: PredictParams,
    out: Path,
) -> None:
    """Write a member's logits, plain and with test-time augmentation, and its embeddings.

    Parameters
    ----------
    member : Member
        A trained model.
    clips : ArrayReader
        Store with ``clips`` (N, samples) at the member's rate.
    parts : mapping of str to np.ndarray [shape=(n,)]
        Rows of each part ("validation", "test").
    params : PredictParams
        Shifts and batch size.
    out : Path
        Store to write: for each part ``<part>_rows``, ``<part>_plain``, ``<part>_tta``,
        and ``<part>_embeddings`` of the clips as they are; as attributes the shifts and the
        member's number of weights.
    """
    classes = len(member.classes)
    layout: dict[str, tuple[tuple[int, ...], str]] = {}
    for part, rows in parts.items():
        layout[f"{part}_rows"] = ((len(rows),), "int64")
        layout[f"{part}_plain"] = ((len(rows), classes), "float32")
        layout[f"{part}_tta"] = ((len(rows), classes), "float32")
        layout[f"{part}_embeddings"] = ((len(rows), member.embedding_size), "float32")
    batches = [
        (part, rows, slice(start, start + params.batch_size))
        for part, rows in parts.items()
        for start in range(0, len(rows), params.batch_size)
    ]
    # The ensemble is fitted on these shifts' mean, so whoever applies it must use them too.
    attrs: dict[str, str | int] = {
        "tta_shifts_seconds": json.dumps(params.tta_shifts_seconds),
        "parameters": member.parameters,
    }
    with ArrayWriter(out, layout, attrs) as writer:
        for part, rows, batch in tqdm(batches, desc=member.name, unit="batch", disable=None):
            waveforms = clips.read("clips", rows[batch])
            said = augmented(member, waveforms, params.tta_shifts_seconds)
            place = slice(batch.start, min(batch.stop, len(rows)))
            writer.write(f"{part}_rows", place, rows[batch])
            writer.write(f"{part}_plain", place, said.plain)
            writer.write(f"{part}_tta", place, said.tta)
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
    plain, embeddings = member.classify(waveforms)
    by_shift = {
        shift: member.logits(shift_clips(waveforms, shift, member)) if shift else plain
        for shift in shifts
    }
    tta: NDArray[np.float32] = np.mean(list(by_shift.values()), axis=0, dtype=np.float32)
    return Augmented(plain, tta, embeddings)


def shift_clips(
    waveforms: NDArray[np.float32], shift_seconds: float, member: Member
) -> NDArray[np.float32]:
    """Shift clips in time, circularly.

    Parameters
    ----------
    waveforms : np.ndarray [shape=(B, samples)]
        At the member's rate.
    shift_seconds : float
        Positive is later.
    member : Member
        Gives the rate.

    Returns
    -------
    np.ndarray [shape=(B, samples)]
        A new array.
    """
    return np.roll(waveforms, round(shift_seconds * member.sample_rate), axis=1)
