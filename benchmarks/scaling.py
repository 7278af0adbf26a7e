"""Cost against the number of clips: the time of a stage should grow with it, its memory not.

``python -m benchmarks.scaling --clips 2000 20000`` makes synthetic collections (a few short
files under many names), runs the stages on each as processes of their own, and reports the
CPU seconds per 1,000 clips and the peak memory of each. The network is tiny and the backbone
has random weights: what is measured is how the clips flow, not how long training takes.

The runs of a stage on all collections follow one another, small ones again and again around the
large one, and their median counts: a machine that is slower for a while is so for all. What the
repeated runs differ by says how far the deviation can be trusted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from benchmarks.audio import REPOSITORY
from benchmarks.collection import write_collection, write_params, write_random_backbone

# Too few clips to matter: what a stage costs before the first one.
START = 100
STAGES = (
    ("prepare",),
    ("splits",),
    ("features", "spec_cnn"),
    ("trunk", "yamnet"),
    ("train", "spec_cnn", "1"),
    ("predict", "spec_cnn", "1"),
)
MOST_DEVIATION, MOST_GROWTH = 0.15, 0.10


@dataclass(frozen=True)
class Cost:
    """What one run of a stage took.

    Attributes
    ----------
    wall, cpu : float
        Seconds.
    peak_mib : float
        Largest resident memory.
    spread : float
        Half of what repeated runs differ by, in seconds of `cpu`; 0 for a single run.
    """

    wall: float
    cpu: float
    peak_mib: float
    spread: float = 0.0


def run_stage(workspace: Path, stage: Sequence[str]) -> Cost:
    """Run one stage in the workspace and take its time and memory."""
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "stages", *stage], cwd=workspace, env=environment
    )
    # The kernel counts for this very process, unlike getrusage(RUSAGE_CHILDREN).
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"stage {' '.join(stage)} failed in {workspace}")
    unit = 1024 if sys.platform == "linux" else 1024**2
    return Cost(
        time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit
    )


def make_workspace(folder: Path, clips: int, seconds: float) -> None:
    """Make a collection of clips, parameters and a backbone's weights in an empty folder."""
    write_collection(folder / "collection", clips, seconds)
    write_params(folder / "params.yaml", seconds)
    writer = get_context("spawn").Process(
        target=write_random_backbone, args=(folder / "models/pretrained/yamnet.safetensors",)
    )
    writer.start()
    writer.join()


def schedule(sizes: Sequence[int], repeats: int) -> Iterator[int]:
    """Order the runs of a stage: all sizes, and the largest but once, in the middle.

    Parameters
    ----------
    sizes : sequence of int
        Of the collections.
    repeats : int
        Runs on each but the largest.

    Yields
    ------
    int
        The size to run next.
    """
    *others, largest = sorted(sizes)
    for number in range(repeats):
        yield from others
        if number == (repeats - 1) // 2:
            yield largest


def middle(runs: Sequence[Cost]) -> Cost:
    """Take the run of median CPU time, with what all of them differ by."""
    by_cpu = sorted(runs, key=lambda run: run.cpu)
    return replace(by_cpu[len(runs) // 2], spread=(by_cpu[-1].cpu - by_cpu[0].cpu) / 2)


def measure(
    folders: Mapping[int, Path], stages: Sequence[Sequence[str]], repeats: int
) -> dict[int, dict[str, Cost]]:
    """Run every stage on every collection.

    Parameters
    ----------
    folders : mapping of int to Path
        Workspaces, by the size of their collections.
    stages : sequence of sequence of str
        Stages with their items, in the order of the pipeline.
    repeats : int
        Runs of each stage on all but the largest, of which the one of median CPU time counts.

    Returns
    -------
    dict of int to dict of str to Cost
        By size and by the name of the stage.
    """
    costs: dict[int, dict[str, Cost]] = {clips: {} for clips in folders}
    for stage in stages:
        runs: dict[int, list[Cost]] = {clips: [] for clips in folders}
        for clips in schedule(list(folders), repeats):
            runs[clips].append(run_stage(folders[clips], stage))
        for clips, done in runs.items():
            costs[clips][stage[0]] = middle(done)
        print(f"{stage[0]}: {sum(run.wall for d in runs.values() for run in d):.0f} s", flush=True)
    return costs


def compare(start: Cost, small: Cost, large: Cost, clips: tuple[int, int]) -> tuple[float, float]:
    """Compare a stage's cost on two collections, what it costs to start taken off.

    Parameters
    ----------
    start, small, large : Cost
        On `START` clips and on the two collections.
    clips : tuple of int
        Sizes of the two.

    Returns
    -------
    deviation : float
        CPU seconds a clip in the large collection relative to the small one, minus 1.
    growth : float
        Peak memory of the large one relative to the small one, minus 1.
    """
    each = [
        (cost.cpu - start.cpu) / (count - START)
        for cost, count in zip((small, large), clips, strict=True)
    ]
    return each[1] / each[0] - 1, large.peak_mib / small.peak_mib - 1


def uncertainty(start: Cost, small: Cost) -> float:
    """Say how far the deviation can be trusted: by how much the small runs alone move it."""
    return (start.spread + small.spread) / (small.cpu - start.cpu)


def table(costs: dict[int, dict[str, Cost]]) -> Iterator[str]:
    """Lines of a Markdown table, a stage a line, and the verdict on each."""
    small, large = sorted(costs)[-2:]
    heads = [f"{count:,} clips: CPU s, wall s, MiB" for count in sorted(costs)]
    yield f"| stage | {' | '.join(heads)} | CPU s / 1,000 clips | deviation | memory |"
    yield f"|---|{'---|' * (len(heads) + 3)}"
    for stage in costs[START]:
        runs = [costs[count][stage] for count in sorted(costs)]
        deviation, growth = compare(runs[0], runs[-2], runs[-1], (small, large))
        each = 1000 * (runs[-1].cpu - runs[0].cpu) / (large - START)
        cells = [f"{run.cpu:.1f}, {run.wall:.1f}, {run.peak_mib:.0f}" for run in runs]
        trust = uncertainty(runs[0], runs[-2])
        marks = [
            f"{value:+.1%}{doubt}{'' if value <= most else ' (too much)'}"
            for value, doubt, most in (
                (deviation, f" ± {trust:.1%}" if trust else "", MOST_DEVIATION),
                (growth, "", MOST_GROWTH),
            )
        ]
        yield f"| {stage} | {' | '.join(cells)} | {each:.2f} | {' | '.join(marks)} |"


def main() -> None:
    """Measure collections of the given sizes and print the table."""
    names = [stage[0] for stage in STAGES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, nargs=2, default=[2000, 20000], metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a clip")
    parser.add_argument(
        "--repeat", type=int, default=5, help="runs of a stage on all but the largest collection"
    )
    parser.add_argument(
        "--last", choices=names, default=names[-1], help="stage to end with, of the pipeline's"
    )
    parser.add_argument("--folder", type=Path, help="where the collections go for the time")
    arguments = parser.parse_args()
    stages = STAGES[: names.index(arguments.last) + 1]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        folders = {clips: Path(folder, str(clips)) for clips in (START, *sorted(arguments.clips))}
        for clips, workspace in folders.items():
            make_workspace(workspace, clips, arguments.seconds)
        costs = measure(folders, stages, arguments.repeat)
    print("\n".join(table(costs)))


if __name__ == "__main__":
    main()
