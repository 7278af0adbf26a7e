"""Decoding a whole data set into stores of waveforms, and the manifest about it."""

import hashlib
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from tqdm import tqdm

from earwitness.audio.dataset import Clip
from earwitness.audio.decode import (
    Waveform,
    cancels,
    conform,
    decode,
    mean_square,
    read_file,
    samples_in,
    to_mono,
)
from earwitness.audio.problems import enumerate_problems
from earwitness.errors import EarwitnessError
from earwitness.schema.prepare import PrepareParams
from earwitness.store.arrays import ArrayWriter
from earwitness.store.atomic import write_csv

log = logging.getLogger(__name__)

IN_FLIGHT_PER_WORKER = 4
SILENT_BELOW = 2.0**-16  # half a step of 16-bit audio


@dataclass(frozen=True)
class Facts:
    """What the manifest says of a file, beside what the data set's CSV says.

    Attributes
    ----------
    sha256 : str
        Of the file's bytes.
    sample_rate, channels, frames : int
        As decoded.
    peak, rms : float
        Of the mono waveform at its own rate and length; full scale is 1.0.
    silent_fraction : float
        Share of its samples below half a step of 16-bit audio.
    treatment : str
        What was done to it, in words.
    """

    sha256: str
    sample_rate: int
    channels: int
    frames: int
    peak: float
    rms: float
    silent_fraction: float
    treatment: str


Treated = tuple[Facts, dict[int, Waveform]]


def _refusal(problems: Sequence[str]) -> EarwitnessError:
    return EarwitnessError(
        f"{len(problems)} clips cannot be used (add or mend the files or the CSV, or set "
        f"data.on_bad to drop):\n{enumerate_problems(problems)}"
    )


def store_path(folder: Path, rate: int) -> Path:
    """Path of the store of waveforms at `rate` Hz in the folder of prepared audio."""
    return folder / f"audio_{rate}.h5"


def prepare(
    clips: Sequence[Clip],
    rates: Sequence[int],
    params: PrepareParams,
    out_dir: Path,
    manifest_path: Path,
    on_bad: Literal["fail", "drop"],
    workers: int,
    dropped: Sequence[str] = (),
) -> pd.DataFrame:
    """Decode every clip once and store it at each rate, with a manifest.

    Parameters
    ----------
    clips : sequence of Clip
        As `earwitness.audio.dataset.find_clips` lists them.
    rates : sequence of int
        Sample rates in Hz. Store ``audio_<rate>.h5`` holds "clips", (N, samples) float32.
    params : PrepareParams
        Length of the clips and quality of the resampling.
    out_dir, manifest_path : Path
        Where the stores and the manifest go. Row i of one is row i of the other.
    on_bad : {"fail", "drop"}
        Whether files that cannot be decoded are an error or left out.
    workers : int
        Threads that decode. The files written do not depend on their number.
    dropped : sequence of str
        Clips that were found wanting before, and why: with "fail" they are an error together
        with those that cannot be decoded, with "drop" they are counted in the manifest.

    Returns
    -------
    pd.DataFrame
        The manifest as written; its column "dropped" counts the clips left out in all.

    Raises
    ------
    EarwitnessError
        If clips are missing or cannot be decoded, all of them named, or no clip is left.
    """
    dropped = list(dropped)
    while True:
        try:
            facts = _store(clips, rates, params, out_dir, workers)
            break
        except _BadFilesError as error:
            problems = list(error.problems.values())
            if on_bad == "fail":
                raise _refusal([*dropped, *problems]) from error
            # Rare, so the others are decoded again rather than kept: the size of a store is
            # fixed when it is made.
            dropped += problems
            clips = [clip for row, clip in enumerate(clips) if row not in error.problems]
    if dropped and on_bad == "fail":
        raise _refusal(dropped)
    if dropped:
        log.warning("%d clips are left out:\n%s", len(dropped), enumerate_problems(dropped))
    manifest = pd.DataFrame(
        [_columns_of(clip) | asdict(fact) for clip, fact in zip(clips, facts, strict=True)]
    )
    manifest["dropped"] = len(dropped)
    write_csv(manifest_path, manifest)
    return manifest


class _BadFilesError(Exception):
    """Files that cannot be decoded: row to what is wrong."""

    def __init__(self, problems: dict[int, str]) -> None:
        super().__init__(f"{len(problems)} files cannot be decoded")
        self.problems = problems


def _store(
    clips: Sequence[Clip], rates: Sequence[int], params: PrepareParams, out_dir: Path, workers: int
) -> list[Facts]:
    """Write all stores, or none and raise `_BadFilesError` after a look at every file."""
    if not clips:
        raise EarwitnessError("no clip of the data set can be decoded: there is nothing to prepare")
    facts: list[Facts] = []
    problems: dict[int, str] = {}
    with ExitStack() as stack:
        stores = {
            rate: stack.enter_context(_new_store(out_dir, rate, params.seconds, len(clips)))
            for rate in sorted(set(rates))
        }
        for row, future in enumerate(_in_order(clips, tuple(stores), params, workers)):
            try:
                fact, waveforms = future.result()
            except EarwitnessError as error:
                problems[row] = str(error)
                continue
            facts.append(fact)
            for rate, waveform in waveforms.items():
                stores[rate].write("clips", row, waveform)
        if problems:
            raise _BadFilesError(problems)
    return facts


def _new_store(out_dir: Path, rate: int, seconds: float, clips: int) -> ArrayWriter:
    shape = (clips, samples_in(seconds, rate))
    return ArrayWriter(
        store_path(out_dir, rate), {"clips": (shape, np.float32)}, {"sample_rate": rate}
    )


def _in_order(
    clips: Sequence[Clip], rates: Sequence[int], params: PrepareParams, workers: int
) -> Iterator[Future[Treated]]:
    """Treat clips in threads; yield the results in their order, with few in memory."""
    waiting: deque[Future[Treated]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for clip in tqdm(clips, desc="prepare", unit="clip", disable=None):
            if len(waiting) >= IN_FLIGHT_PER_WORKER * workers:
                yield waiting.popleft()
            waiting.append(pool.submit(_treat, clip.path, rates, params))
        while waiting:
            yield waiting.popleft()


def _treat(path: Path, rates: Sequence[int], params: PrepareParams) -> Treated:
    content = read_file(path)
    waveform, rate = decode(path, content)
    mono = to_mono(waveform)
    facts = Facts(
        sha256=hashlib.sha256(content).hexdigest(),
        sample_rate=rate,
        channels=waveform.shape[1],
        frames=len(waveform),
        peak=_six_digits(np.abs(mono).max()),
        rms=_six_digits(np.sqrt(mean_square(mono))),
        silent_fraction=_six_digits(np.mean(np.abs(mono) < SILENT_BELOW)),
        treatment=_treatment(waveform, rate, rates, params.seconds),
    )
    waveforms = {
        target: conform(mono, rate, target, params.seconds, params.resampler) for target in rates
    }
    return facts, waveforms


def _treatment(waveform: Waveform, rate: int, rates: Sequence[int], seconds: float) -> str:
    """Say what `conform` and `to_mono` do to a waveform of shape (frames, channels)."""
    steps = []
    channels = waveform.shape[1]
    if channels > 1:
        whole = "first of" if cancels(waveform) else "mean of"
        steps.append(f"{whole} {channels} channels")
    if any(target != rate for target in rates):
        steps.append("resampled")
    surplus = len(waveform) - samples_in(seconds, rate)
    if surplus:
        steps.append(f"{'trimmed' if surplus > 0 else 'padded'} {abs(surplus) / rate:.6f} s")
    return "; ".join(steps) or "none"


def _columns_of(clip: Clip) -> dict[str, Any]:
    return {name: value for name, value in asdict(clip).items() if name != "path"}


def _six_digits(value: Any) -> float:
    """Round, so that the manifest does not hang on the order of a summation."""
    return float(f"{float(value):.6g}")
