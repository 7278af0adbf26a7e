"""Decoding a whole data set into stores of waveforms, and the manifest about it."""

import hashlib
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
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
from earwitness.audio.manifest import AddRow, Facts, open_manifest
from earwitness.audio.problems import enumerate_problems
from earwitness.errors import EarwitnessError
from earwitness.schema.prepare import PrepareParams
from earwitness.store.arrays import ArrayWriter

log = logging.getLogger(__name__)

IN_FLIGHT_PER_WORKER = 4
SILENT_BELOW = 2.0**-16  # half a step of 16-bit audio


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
) -> int:
    """Decode every clip once and store it at each rate, with a manifest.

    A fixed number of clips is in memory at a time.

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
    int
        How many clips were stored. The manifest's column "dropped" counts those left out.

    Raises
    ------
    EarwitnessError
        If clips are missing or cannot be decoded, all of them named, or no clip is left.
    """
    dropped = list(dropped)
    while True:
        try:
            with (
                _new_stores(clips, rates, params, out_dir) as stores,
                open_manifest(manifest_path, len(dropped)) as add_row,
            ):
                problems = _fill(clips, stores, add_row, params, workers)
                if problems or (dropped and on_bad == "fail"):
                    raise _BadFilesError(problems)
            break
        except _BadFilesError as error:
            dropped += error.problems.values()
            if on_bad == "fail":
                raise _refusal(dropped) from error
            # Rare, so the others are decoded again rather than kept: the size of a store is
            # fixed when it is made.
            clips = [clip for row, clip in enumerate(clips) if row not in error.problems]
    if dropped:
        log.warning("%d clips are left out:\n%s", len(dropped), enumerate_problems(dropped))
    return len(clips)


class _BadFilesError(Exception):
    """Files that cannot be decoded: row to what is wrong."""

    def __init__(self, problems: dict[int, str]) -> None:
        super().__init__(f"{len(problems)} files cannot be decoded")
        self.problems = problems


@contextmanager
def _new_stores(
    clips: Sequence[Clip], rates: Sequence[int], params: PrepareParams, out_dir: Path
) -> Iterator[dict[int, ArrayWriter]]:
    """Open a store for each rate; all of them are put in place, or none after an exception."""
    if not clips:
        raise EarwitnessError("no clip of the data set can be decoded: there is nothing to prepare")
    with ExitStack() as stack:
        yield {
            rate: stack.enter_context(
                ArrayWriter(
                    store_path(out_dir, rate),
                    {"clips": ((len(clips), samples_in(params.seconds, rate)), np.float32)},
                    {"sample_rate": rate},
                    clip_axis=0,
                )
            )
            for rate in sorted(set(rates))
        }


def _fill(
    clips: Sequence[Clip],
    stores: Mapping[int, ArrayWriter],
    add_row: AddRow,
    params: PrepareParams,
    workers: int,
) -> dict[int, str]:
    """Write clips and rows in their order; tell of every file that cannot be decoded."""
    problems: dict[int, str] = {}
    for row, future in enumerate(_in_order(clips, tuple(stores), params, workers)):
        try:
            facts, waveforms = future.result()
        except EarwitnessError as error:
            problems[row] = str(error)
            continue
        add_row(clips[row], facts)
        for rate, waveform in waveforms.items():
            stores[rate].write("clips", row, waveform)
    return problems


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


def _six_digits(value: Any) -> float:
    """Round, so that the manifest does not hang on the order of a summation."""
    return float(f"{float(value):.6g}")
