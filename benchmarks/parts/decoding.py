"""Decoding and resampling real clips: stage ``prepare``, beside the notebook's way."""

from collections.abc import Sequence
from pathlib import Path

import soundfile as sf

from benchmarks import notebook
from benchmarks.audio import Scratch
from benchmarks.rates import Bench, Way
from benchmarks.rows import Row, Wanted
from benchmarks.timing import Work
from earwitness.audio.dataset import Clip
from earwitness.audio.prepare import prepare
from earwitness.schema.prepare import PrepareParams

WANTED = Wanted(90, "core")
# Of the stage: what the networks read, and what all members read.
RATES = {"to 16 kHz": (16000,), "to 16, 32 and 44.1 kHz": (16000, 32000, 44100)}
NOTE = """\
**decode, resample**: stage `prepare`, with its stores and its manifest, which is paid once; beside
it, the notebook's loading of the same files, which it repeats in every epoch. The limit is the
memory that the file, the decoded samples (written and read) and the result take."""


def stage(files: Sequence[Path], seconds: float) -> dict[str, Work]:
    """Make the stage's work on clips, at some sample rates and at all.

    Parameters
    ----------
    files : sequence of Path
        The clips.
    seconds : float
        Length of a clip.

    Returns
    -------
    dict of str to callable
        By sample rates.
    """
    clips = [
        Clip(path.name, 1, 0, "", path.stem, "A", path.parent, path.name)
        for path in dict.fromkeys(files)
    ]
    scratch = Scratch()
    params = PrepareParams(seconds=seconds, resampler="HQ")

    def work(rates: tuple[int, ...]) -> Work:
        manifest = scratch.root / "manifest.csv"
        return lambda: prepare(clips, rates, params, scratch.root, manifest, "fail", 1)

    return {name: work(rates) for name, rates in RATES.items()}


def by_hand(files: Sequence[Path], seconds: float) -> dict[str, Work]:
    """Make the notebook's loading of the same clips."""
    return {"load": lambda: [notebook.load_clip(path, seconds) for path in files]}


def moved(path: Path, rates: Sequence[int], seconds: float) -> float:
    """Count the bytes that preparing a file has to move.

    Parameters
    ----------
    path : Path
        The file.
    rates : sequence of int
        Sample rates of the result.
    seconds : float
        Its length.

    Returns
    -------
    float
        Of the file, of its samples, twice, and of the result.
    """
    info = sf.info(path)
    return path.stat().st_size + 4 * (2 * info.frames * info.channels + seconds * sum(rates))


def rows(bench: Bench) -> list[Row]:
    """Measure both.

    Parameters
    ----------
    bench : Bench
        The machine and the clips.

    Returns
    -------
    list of Row
        One for each set of sample rates.
    """
    files = bench.files[: bench.least(len(bench.files))]
    ways = {
        "ours": Way(stage, len(files), (files, bench.seconds)),
        "notebook": Way(by_hand, len(files), (files, bench.seconds), whole=True),
    }
    rates = bench.rates(ways)
    return [
        Row(
            f"decode, resample {name}",
            rates["ours"][name],
            bench.machine.cores,
            "notebook's loading",
            rates["notebook"]["load"],
            bench.peak.limit(0, sum(moved(f, to, bench.seconds) for f in files) / len(files)),
            WANTED,
        )
        for name, to in RATES.items()
    ]
