"""Log-mel and PCEN: stage ``features``, beside the notebook's transforms."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import notebook
from benchmarks.audio import Scratch, waveforms
from benchmarks.members import features, spectrogram_work, variants
from benchmarks.rates import Bench, Way
from benchmarks.rows import Row, Wanted
from benchmarks.timing import Work
from earwitness.features.collection import compute_features
from earwitness.features.spectrogram import FrontEnd, build_front_end

CLIPS = 32
STAGE = "stage features (both, with its store)"
WANTED = Wanted(80, "core")
NOTE = """\
**features**: the front end of `spec_cnn` on waveforms in memory, each channel alone and both, and
stage `features` from store to store. Beside it, the notebook's transforms: with the same frames,
and with its own (494 of 10 ms). The limit counts a Fourier transform and a dense product with the
mel filters a frame."""


def ours(files: Sequence[Path], clips: int, seconds: float) -> dict[str, Work]:
    """Make the front ends' work on real clips.

    Parameters
    ----------
    files : sequence of Path
        Where the clips are from.
    clips : int
        How many.
    seconds : float
        Length of a clip.

    Returns
    -------
    dict of str to callable
        Each channel, both, and the whole stage.
    """
    params = features()
    waves = waveforms(tuple(files), clips, params.sample_rate, seconds)
    scratch = Scratch()
    audio = scratch.store(waves, params.sample_rate).path

    def work(front_end: FrontEnd) -> Work:
        return lambda: [front_end(wave) for wave in waves]

    works = {name: work(build_front_end(variant)) for name, variant in variants(params)}
    works[STAGE] = lambda: compute_features(audio, params, scratch.root / "features.h5")
    return works


def theirs(files: Sequence[Path], clips: int, seconds: float) -> dict[str, Work]:
    """Make the notebook's transforms of the same clips, with the same frames and with its own."""
    params = features()
    waves = waveforms(tuple(files), clips, params.sample_rate, seconds)
    same = notebook.Features(params.win_samples, params.hop_samples, params.center)
    own = notebook.Features()
    return {
        "log-mel": lambda: [same.log_mel(same.mel(wave)) for wave in waves],
        "PCEN": lambda: [same.pcen(same.mel(wave)) for wave in waves],
        "log-mel and PCEN": lambda: [same(wave) for wave in waves],
        STAGE: lambda: [own(wave) for wave in waves],
    }


def rows(bench: Bench) -> list[Row]:
    """Measure both.

    Parameters
    ----------
    bench : Bench
        The machine and the clips.

    Returns
    -------
    list of Row
        One for each kind of features, and one for the stage.
    """
    clips = bench.least(CLIPS)
    arguments = (bench.files, clips, bench.seconds)
    rates = bench.rates(
        {"ours": Way(ours, clips, arguments), "notebook": Way(theirs, clips, arguments, whole=True)}
    )
    kinds = dict(variants(features())) | {STAGE: features()}
    return [
        Row(
            name,
            rates["ours"][name],
            bench.machine.cores,
            "notebook's, 494 frames" if name == STAGE else "notebook's, same frames",
            rates["notebook"][name],
            bench.peak.limit(*spectrogram_work(params, bench.seconds)),
            WANTED if len(params.channels) > 1 else None,
        )
        for name, params in kinds.items()
    ]
