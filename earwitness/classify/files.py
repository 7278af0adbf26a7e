"""From files to guesses: read, classified in batches side by side, and summed up."""

import logging
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from earwitness.audio.problems import tell_unusable
from earwitness.audio.windows import Excerpt, Windowing, read_excerpts
from earwitness.classify.classifier import Classifier
from earwitness.errors import EarwitnessError
from earwitness.guesses import Guess, clock

OnBad = Literal["fail", "drop"]
# predict.batch_size of params.yaml as it comes: rounding depends on the size of a batch, by about
# 1e-6 of a logit.
BATCH = 16
IN_FLIGHT_PER_WORKER = 2

log = logging.getLogger(__name__)


class Heard(NamedTuple):
    """What a model says of a part of a file: its probabilities (classes,)."""

    start_seconds: float
    end_seconds: float
    probabilities: NDArray[np.float64]


Item = tuple[int, Excerpt]


def classify_files(
    files: Sequence[str],
    model: Classifier,
    windowing: Windowing | None,
    top: int,
    *,
    on_bad: OnBad = "fail",
    workers: int = 1,
) -> list[Guess]:
    """Classify files.

    Parameters
    ----------
    files : sequence of str
        Audio files of any rate and length that soundfile decodes, by the names they are to have
        in the result.
    model : Classifier
        What classifies them.
    windowing : Windowing or None
        How longer recordings are cut; None: each file is one clip, trimmed around its centre.
    top : int
        Classes a file or window.
    on_bad : {"fail", "drop"}
        Whether files that are missing or cannot be decoded are an error or left out with a
        warning; either names them all.
    workers : int
        Batches side by side, in threads.

    Returns
    -------
    list of Guess
        For each file `top` rows, the likeliest first; where it was cut into windows, those of
        the windows before them, and then the file's are the mean of their probabilities.

    Raises
    ------
    EarwitnessError
        If files cannot be read or decoded.
    """
    problems: dict[int, str] = {}
    heard: dict[int, list[Heard]] = defaultdict(list)
    items = _read(files, model, windowing, on_bad, problems)
    with tqdm(total=len(files), desc="predict", unit="file", disable=None) as bar:
        for (place, excerpt), probabilities in _classify(items, model, workers):
            heard[place].append(Heard(*excerpt[:2], probabilities))
            bar.update(place - bar.n)
            if excerpt.start_seconds:
                bar.set_postfix_str(f"{clock(excerpt.end_seconds)} of one", refresh=False)
        bar.update(len(files) - bar.n)
    _tell(problems, len(files), on_bad)
    return [
        guess
        for place, path in enumerate(files)
        if place not in problems
        for guess in _guesses(path, heard[place], model.categories, top)
    ]


def _read(
    files: Sequence[str],
    model: Classifier,
    windowing: Windowing | None,
    on_bad: OnBad,
    problems: dict[int, str],
) -> Iterator[Item]:
    """Read all files; once one of them is an error, only to see what is wrong with the others."""
    rates = sorted(model.sample_rates)
    for place, path in enumerate(files):
        try:
            excerpts = read_excerpts(Path(path), rates, model.seconds, model.resampler, windowing)
            for excerpt in excerpts:
                if not (problems and on_bad == "fail"):
                    yield place, excerpt
        except EarwitnessError as error:
            problems[place] = str(error)


def _tell(problems: dict[int, str], files: int, on_bad: OnBad) -> None:
    """Tell which files cannot be used: as an error, or in the log."""
    if not problems:
        return
    lines = [problems[place] for place in sorted(problems)]
    told = tell_unusable(lines, files)
    if on_bad == "fail" or len(lines) == files:
        raise EarwitnessError(told)
    log.warning("%s", told)


def _classify(
    items: Iterator[Item], model: Classifier, workers: int
) -> Iterator[tuple[Item, NDArray[np.float64]]]:
    """Classify batches in threads, and yield the results in order, with few in memory."""
    waiting: deque[tuple[list[Item], Future[NDArray[np.float64]]]] = deque()

    def oldest() -> Iterator[tuple[Item, NDArray[np.float64]]]:
        batch, future = waiting.popleft()
        yield from zip(batch, np.exp(future.result()), strict=True)

    with ThreadPoolExecutor(workers) as pool:
        for batch in _batches(items, workers):
            if len(waiting) >= IN_FLIGHT_PER_WORKER * workers:
                yield from oldest()
            clips = {
                rate: np.stack([excerpt.waveforms[rate] for _, excerpt in batch])
                for rate in model.sample_rates
            }
            # Its waveforms are in `clips` now.
            spent = [(place, excerpt._replace(waveforms={})) for place, excerpt in batch]
            waiting.append((spent, pool.submit(model.log_probs, clips)))
        while waiting:
            yield from oldest()


def _batches(items: Iterator[Item], workers: int) -> Iterator[list[Item]]:
    """Divide items into batches; few of them evenly among the workers."""
    head = list(islice(items, BATCH * workers))
    size = max(1, -(-len(head) // workers))
    items = chain(head, items)
    while batch := list(islice(items, size)):
        yield batch


def _guesses(file: str, heard: Sequence[Heard], categories: list[str], top: int) -> Iterator[Guess]:
    if len(heard) > 1:
        for part in heard:
            yield from _best(file, "window", part, categories, top)
    mean = np.mean([part.probabilities for part in heard], axis=0)
    whole = Heard(heard[0].start_seconds, heard[-1].end_seconds, mean)
    yield from _best(file, "file", whole, categories, top)


def _best(
    file: str, scope: Literal["file", "window"], part: Heard, categories: list[str], top: int
) -> Iterator[Guess]:
    best = np.argsort(-part.probabilities, kind="stable")[:top]
    start, end = (round(seconds, 3) for seconds in part[:2])
    for rank, index in enumerate(best, start=1):
        probability = round(float(part.probabilities[index]), 6)
        yield Guess(file, scope, start, end, rank, categories[index], probability)
