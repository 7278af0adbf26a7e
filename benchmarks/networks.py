"""Throughput of the networks trained from scratch, beside the notebook's.

``python -m benchmarks.networks`` prints a table. Ours run as the pipeline runs them: one
process a core with one thread each, in the precision that the hardware is best at. The
notebook's run as it would: one process with a thread a core, in float32.
"""

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.cases import CASES, Case, shrunk
from benchmarks.timing import Budget, Machine, Work
from earwitness.schema.runtime import RuntimeParams
from earwitness.schema.train import SpecAugmentParams
from earwitness.training.runtime import choose_runtime
from earwitness.training.spectrograms import SpectrogramExamples

CLASSES = 50
CLIPS = 256
AUGMENT = SpecAugmentParams(
    roll=0.5,
    gain_db=6.0,
    time_masks=2,
    time_mask_frames=24,
    frequency_masks=2,
    frequency_mask_bins=8,
    mask_probability=0.9,
    mixup_alpha=0.4,
    mixup_probability=1.0,
)


def prepare(case: Case, clips: int) -> dict[str, Work]:
    """Make a network's training step, its batch and its evaluation.

    Parameters
    ----------
    case : Case
        The network.
    clips : int
        Clips of the training set that batches are made from.

    Returns
    -------
    dict of str to callable
        ``train``, ``batch`` and ``eval``.
    """
    precision = "auto" if case.ours else "float32"
    runtime = choose_runtime(
        RuntimeParams(device="cpu", precision=precision, threads=torch.get_num_threads())
    )
    torch.manual_seed(0)
    channels, mels, _ = case.shape
    model = importlib.import_module(f"earwitness.nets.{case.module}").build(
        case.net, channels=channels, mels=mels, classes=CLASSES
    )
    model = model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((clips, *case.shape), dtype=np.float32).astype(np.float16)
    examples = SpectrogramExamples(features, np.arange(clips) % CLASSES, CLASSES, AUGMENT, 0)
    positions = rng.permutation(clips)[: case.batch]
    (x,), targets = examples.batch(positions, 0)
    x = x.contiguous(memory_format=torch.channels_last)

    def train() -> None:
        model.train()
        optimiser.zero_grad(set_to_none=True)
        with runtime.autocast():
            logits = model(x)
        F.cross_entropy(logits.float(), targets).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def evaluate() -> None:
        with torch.inference_mode():
            model.eval()(x)

    return {"train": train, "batch": lambda: examples.batch(positions, 1), "eval": evaluate}


@dataclass(frozen=True)
class Figures:
    """What was measured of a network, in the best of all rounds.

    Attributes
    ----------
    train, evaluate : float
        Clips a second, all processes together.
    batch_share : float
        Share of making the batch in a training step.
    """

    train: float
    evaluate: float
    batch_share: float


def measure(machine: Machine, case: Case, budget: Budget, clips: int) -> Figures:
    """Measure one network once.

    Parameters
    ----------
    machine : Machine
        Where.
    case : Case
        The network.
    budget : Budget
        How long.
    clips : int
        Clips of the training set.

    Returns
    -------
    Figures
        Of this round.
    """
    run: Callable[..., list[dict[str, float]]] = (
        machine.one_process_a_core if case.ours else machine.one_process
    )
    seconds = run(prepare, budget, case, clips)
    making = sum(process["batch"] for process in seconds)
    return Figures(
        sum(case.batch / process["train"] for process in seconds),
        sum(case.batch / process["eval"] for process in seconds),
        making / (making + sum(process["train"] for process in seconds)),
    )


def best(rounds: list[Figures]) -> Figures:
    """Take the best of each figure: what else ran on the machine only makes them worse."""
    return Figures(
        max(figures.train for figures in rounds),
        max(figures.evaluate for figures in rounds),
        min(figures.batch_share for figures in rounds),
    )


def table(cases: tuple[Case, ...], measured: dict[str, Figures], cores: int) -> str:
    """Set the figures as a markdown table.

    Parameters
    ----------
    cases : tuple of Case
        One row each.
    measured : dict of str to Figures
        By title.
    cores : int
        Of the machine.

    Returns
    -------
    str
        Lines of markdown.
    """
    lines = [
        "| network | input | batch | runs as | train clips/s | ratio | eval clips/s | ratio "
        "| making the batch |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in cases:
        figures = measured[case.title]
        rival = measured.get(case.rival)
        train = f"{figures.train / rival.train:.1f} x" if rival else ""
        evaluate = f"{figures.evaluate / rival.evaluate:.1f} x" if rival else ""
        runs = f"{cores} x 1 thread" if case.ours else f"1 x {cores} threads, float32"
        share = f"{figures.batch_share:.1%}" if case.ours else ""
        lines.append(
            f"| {case.title} | {' x '.join(map(str, case.shape))} | {case.batch} | {runs} "
            f"| {figures.train:.1f} | {train} | {figures.evaluate:.1f} | {evaluate} "
            f"| {share} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure all networks, round by round in turn, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="the best of these counts")
    parser.add_argument("--seconds", type=float, default=6.0, help="a piece of work, in a round")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    options = parser.parse_args(arguments)
    cases, clips, budget = CASES, CLIPS, Budget(options.seconds, least=2)
    if options.quick:
        cases, clips, budget = tuple(map(shrunk, CASES)), 8, Budget(0.0, least=1)
    rounds: dict[str, list[Figures]] = {case.title: [] for case in cases}
    with Machine() as machine:
        for _ in range(1 if options.quick else options.rounds):
            for case in cases:
                rounds[case.title].append(measure(machine, case, budget, clips))
    measured = {title: best(figures) for title, figures in rounds.items()}
    print(table(cases, measured, machine.cores))


if __name__ == "__main__":
    main()
