"""Cost against the number of clips: the time of a stage should grow with it, its memory not.

``python -m benchmarks.scaling --clips 2000 20000`` makes synthetic collections (a few short
files under many names), runs the stages on each as processes of their own, and reports the
CPU seconds per 1,000 clips and the peak memory of each. The network is tiny and the backbone
has random weights: what is measured is how the clips flow, not how long training takes.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile as sf
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDS, CLASSES, SOURCES = 5, 10, 50
RATE = 22050  # another than the members', so that every clip is resampled
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
    """

    wall: float
    cpu: float
    peak_mib: float


def write_collection(root: Path, clips: int, seconds: float) -> None:
    """Write a data set of `clips` names for `SOURCES` files of noise, in ESC-50's layout."""
    (root / "meta").mkdir(parents=True)
    (root / "audio").mkdir()
    rng = np.random.default_rng(0)
    sources = []
    for number in range(SOURCES):
        sources.append(root / f"source{number}.wav")
        noise = rng.normal(0, 0.1, round(seconds * RATE))
        sf.write(sources[-1], noise, RATE, subtype="PCM_16")
    with (root / "meta" / "esc50.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["filename", "fold", "target", "category"])
        for clip in range(clips):
            fold, target = 1 + clip % FOLDS, clip // FOLDS % CLASSES
            name = f"{fold}-{clip}-A-{target}.wav"
            os.link(sources[clip % SOURCES], root / "audio" / name)
            writer.writerow([name, fold, target, f"class {target}"])
    for source in sources:
        source.unlink()


def write_params(path: Path, seconds: float, batch_size: int = 16) -> None:
    """Write the repository's parameters, with short clips and little training."""
    params = YAML(typ="safe").load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    params["folds"] = [1]
    params["members"] = ["spec_cnn", "yamnet"]
    params["model"] |= {"networks": ["spec_cnn"], "backbones": ["yamnet"]}
    # Nothing fits in memory: training streams, however few the clips.
    params["runtime"] |= {"device": "cpu", "threads": 1, "memory_gb": 0.0}
    params["data"] |= {"root": "collection"}
    params["prepare"] |= {"seconds": seconds}
    params["trunk"] |= {"views": 2, "batch_size": batch_size}
    params["predict"] |= {"batch_size": batch_size}
    network = params["train"]["spec_cnn"]
    network["loop"] |= {"epochs": 1}
    network["net"] |= {"widths": [4, 8]}
    YAML().dump(params, path)


def write_random_backbone(path: Path) -> None:
    """Write a YAMNet with random weights. Run in a process of its own: torch is large."""
    import torch
    from safetensors.torch import save_file

    from earwitness.backbones.weights import build_backbone

    torch.manual_seed(0)
    path.parent.mkdir(parents=True)
    state = build_backbone("yamnet").state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


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


def measure(folder: Path, clips: int, seconds: float, repeats: int) -> dict[str, Cost]:
    """Make a collection and run every stage on it.

    Parameters
    ----------
    folder : Path
        An empty folder for the workspace.
    clips : int
        Size of the collection.
    seconds : float
        Length of a clip.
    repeats : int
        Runs of each stage, of which the one of median CPU time counts.

    Returns
    -------
    dict of str to Cost
        By the name of the stage.
    """
    write_collection(folder / "collection", clips, seconds)
    write_params(folder / "params.yaml", seconds)
    writer = get_context("spawn").Process(
        target=write_random_backbone, args=(folder / "models/pretrained/yamnet.safetensors",)
    )
    writer.start()
    writer.join()
    costs = {}
    for stage in STAGES:
        runs = [run_stage(folder, stage) for _ in range(repeats)]
        costs[stage[0]] = sorted(runs, key=lambda run: run.cpu)[repeats // 2]
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
        marks = [
            f"{value:+.1%}{'' if value <= most else ' (too much)'}"
            for value, most in ((deviation, MOST_DEVIATION), (growth, MOST_GROWTH))
        ]
        yield f"| {stage} | {' | '.join(cells)} | {each:.2f} | {' | '.join(marks)} |"


def main() -> None:
    """Measure collections of the given sizes and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, nargs=2, default=[2000, 20000], metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a clip")
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of a stage on all but the largest collection"
    )
    parser.add_argument("--folder", type=Path, help="where the collections go for the time")
    arguments = parser.parse_args()
    costs = {}
    for clips in (START, *sorted(arguments.clips)):
        # Short runs vary more; the largest takes as long as all others together.
        repeats = 1 if clips == max(arguments.clips) else arguments.repeat
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            costs[clips] = measure(Path(folder), clips, arguments.seconds, repeats)
    print("\n".join(table(costs)))


if __name__ == "__main__":
    main()
