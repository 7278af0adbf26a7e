"""Test-time augmentation: stored waveforms in batches, beside one clip and one shift at a time."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks import notebook
from benchmarks.audio import Scratch, waveforms
from benchmarks.cases import MODEL_A, MODEL_A_PRO, Case
from benchmarks.floor import forward_flops
from benchmarks.members import (
    BACKBONES,
    NETWORK,
    NETWORKS,
    build_member,
    build_network,
    features,
    repository_params,
    spectrogram_work,
    training,
)
from benchmarks.rates import Bench, Way
from benchmarks.rows import Row, Wanted
from benchmarks.timing import Work
from earwitness.backbones.weights import build_backbone
from earwitness.inference.prediction import augmented
from earwitness.schema.predict import PredictParams

WANTED = Wanted(10, "ratio")
MEMBERS = (*NETWORKS, *BACKBONES)
SAME, OWN, PRO, WAVE = f"{NETWORK} clip by clip", MODEL_A.title, MODEL_A_PRO.title, "Model B"
CLIPS = {SAME: 8, OWN: 4, PRO: 4, WAVE: 1}  # of which the notebook's ways take seconds each
NOTE = """\
**TTA**: plain and shifted logits of clips, as stage `predict` computes them from stored waveforms,
16 clips at a time. Beside it the notebook's way, in float32: load a file, resample it, and for
each shift roll it, compute its features and run the network on a batch of one. Once with the same
network and the same shifts, once with the notebook's own network, features and five shifts. The
ensemble's row adds up the times of all five members, and those of the notebook's two (its A Pro,
and its Model B, which is WAV2VEC2_BASE, with five shifts each)."""


def shifts() -> tuple[float, ...]:
    """Time shifts of the predictions, in seconds."""
    return repository_params().get("predict", PredictParams).tta_shifts_seconds


def ours(name: str, files: Sequence[Path], clips: int, seconds: float) -> dict[str, Work]:
    """Make a member's work on stored clips.

    Parameters
    ----------
    name : str
        The member.
    files : sequence of Path
        Real clips.
    clips : int
        In a batch.
    seconds : float
        Length of a clip.

    Returns
    -------
    dict of str to callable
        One piece.
    """
    member = build_member(name, seconds)
    waves = waveforms(tuple(files), clips, member.sample_rate, seconds)
    scratch, chosen, rows = Scratch(), shifts(), np.arange(clips)
    store = scratch.store(waves, member.sample_rate)
    return {"tta": lambda: (scratch, augmented(member, store.read("clips", rows), chosen))}


def clip_by_clip(name: str, files: Sequence[Path], clips: int, seconds: float) -> dict[str, Work]:
    """Make the notebook's work on files, for one of its networks or for ours.

    Parameters
    ----------
    name : str
        A key of `CLIPS`.
    files : sequence of Path
        Real clips.
    clips : int
        How many.
    seconds : float
        Length of a clip.

    Returns
    -------
    dict of str to callable
        One piece.
    """
    torch.manual_seed(0)
    if name == WAVE:
        backbone = build_backbone(notebook.MODEL_B)
        last = len(backbone.blocks)

        def logits(wave: np.ndarray) -> torch.Tensor:
            x = backbone.front_end(torch.from_numpy(wave)[None])
            return backbone.run(x, 0, last)[1]

    else:
        transform, net = _network(name)
        net.eval()

        def logits(wave: np.ndarray) -> torch.Tensor:
            output: torch.Tensor = net(transform(wave)[None])
            return output

    rolls = {SAME: shifts(), WAVE: notebook.SHIFTS_B}.get(name, notebook.SHIFTS_A)

    def work() -> None:
        with torch.inference_mode():
            for path in files[:clips]:
                wave = notebook.load_clip(path, seconds)
                rolled = (np.roll(wave, round(shift * notebook.RATE)) for shift in rolls)
                torch.cat([logits(each) for each in rolled]).mean(dim=0)

    return {"tta": work}


def _network(name: str) -> tuple[notebook.Features, torch.nn.Module]:
    """Build a network of the notebook, or ours, with the features that it reads."""
    if name == SAME:
        params = features()
        front_end = notebook.Features(params.win_samples, params.hop_samples, params.center)
        return front_end, build_network(NETWORK, training().net, 2, params.n_mels)
    case: Case = {OWN: MODEL_A, PRO: MODEL_A_PRO}[name]
    return notebook.Features(), build_network(case.module, case.net, *case.shape[:2])


def together(rates: Iterable[float]) -> float:
    """Rate at which clips pass through all of some steps, one after the other."""
    return 1 / sum(1 / rate for rate in rates)


def limit(name: str, bench: Bench) -> float:
    """Clips a second that the machine would allow a member."""
    member = build_member(name, bench.seconds)
    wave = np.zeros((1, round(bench.seconds * member.sample_rate)), np.float32)
    flops = len(shifts()) * forward_flops(lambda: member.classify(wave))
    moved = len(shifts()) * float(wave.nbytes)
    if name in NETWORKS:  # whose features are computed once
        more, moved = spectrogram_work(features(name), bench.seconds)
        flops += more
    return bench.peak.limit(flops, moved)


def rows(bench: Bench) -> list[Row]:
    """Measure all members and the notebook's three.

    Parameters
    ----------
    bench : Bench
        The machine and the clips.

    Returns
    -------
    list of Row
        One a comparison.
    """
    batch = bench.least(repository_params().get("predict", PredictParams).batch_size)
    ways = {name: Way(ours, batch, (name, bench.files, batch, bench.seconds)) for name in MEMBERS}
    for name, count in CLIPS.items():
        clips = min(count, len(bench.files)) if not bench.quick else 1
        arguments = (name, bench.files, clips, bench.seconds)
        ways[name] = Way(clip_by_clip, clips, arguments, whole=True)
    rates = {name: found["tta"] for name, found in bench.rates(ways).items()}
    cores, limits = bench.machine.cores, {name: limit(name, bench) for name in MEMBERS}
    said = f"{len(shifts())} shifts"
    table = [
        Row(
            f"TTA {NETWORK}, {said}",
            rates[NETWORK],
            cores,
            rival,
            rates[rival],
            limits[NETWORK],
            wanted,
        )
        for rival, wanted in ((SAME, None), (OWN, WANTED))
    ]
    table += [
        Row(f"TTA {name}, {said}", rates[name], cores, limit=limits[name]) for name in MEMBERS[1:]
    ]
    theirs, of_all = together([rates[PRO], rates[WAVE]]), together(rates[name] for name in MEMBERS)
    rival = "notebook's A Pro and B"
    most = together(limits.values())
    table.append(Row(f"TTA of the ensemble, {said}", of_all, cores, rival, theirs, most, WANTED))
    return table
