"""The networks trained from scratch, beside the notebook's: what `benchmarks.networks` measures."""

import torch

from benchmarks.cases import CASES, Case, shrunk
from benchmarks.floor import BACKWARD, FLOAT32, forward_flops, precision
from benchmarks.members import build_network
from benchmarks.networks import CLIPS, Figures, best, measure
from benchmarks.rates import Bench
from benchmarks.rows import Row, Wanted

WANTED = {"spec_cnn": Wanted(6, "ratio"), "bc_resnet": Wanted(6, "ratio")}
MOST_BATCH_SHARE = 0.1
NOTE = """\
**train, eval** of the networks from scratch: a training step on a batch in memory, and a forward
pass of one; beside it, the notebook's network of the same rank (`python -m benchmarks.networks` has
this as a table of its own). The remark has the share of making the batch in a training step, of
which 10% was asked for at most."""


def flops(case: Case) -> float:
    """Count the operations of a clip's forward pass."""
    channels, mels, _ = case.shape
    model = build_network(case.module, case.net, channels, mels).eval()
    return forward_flops(lambda: model(torch.zeros(1, *case.shape)))


def network_rows(case: Case, figures: Figures, rival: Figures | None, bench: Bench) -> list[Row]:
    """Set a network's figures as rows.

    Parameters
    ----------
    case : Case
        The network.
    figures, rival : Figures
        Its own, and those of the notebook's network.
    bench : Bench
        The machine.

    Returns
    -------
    list of Row
        Training and evaluation.
    """
    work, share = flops(case), figures.batch_share
    remark = f"making the batch {share:.1%} of a step: "
    remark += "yes" if share <= MOST_BATCH_SHARE else "**no**"
    name = case.rival if rival else ""
    return [
        Row(
            f"train {case.title}",
            figures.train,
            bench.machine.cores,
            name,
            rival.train if rival else 0.0,
            bench.peak.limit((1 + BACKWARD) * work, 0, precision()),
            WANTED.get(case.title),
            remark,
        ),
        Row(
            f"eval {case.title}",
            figures.evaluate,
            bench.machine.cores,
            name,
            rival.evaluate if rival else 0.0,
            bench.peak.limit(work, 0, FLOAT32),
        ),
    ]


def rows(bench: Bench) -> list[Row]:
    """Measure all networks, in turn.

    Parameters
    ----------
    bench : Bench
        The machine.

    Returns
    -------
    list of Row
        Two for each of ours.
    """
    cases = tuple(map(shrunk, CASES)) if bench.quick else CASES
    clips = 8 if bench.quick else CLIPS
    rounds: dict[str, list[Figures]] = {case.title: [] for case in cases}
    for _ in range(bench.rounds):
        for case in cases:
            rounds[case.title].append(measure(bench.machine, case, bench.budget, clips))
    found = {title: best(figures) for title, figures in rounds.items()}
    return [
        row
        for case in cases
        if case.ours
        for row in network_rows(case, found[case.title], found.get(case.rival), bench)
    ]
