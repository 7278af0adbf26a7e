"""Everything that the pipeline does, beside the notebook's way of doing it and the machine's limit.

``python -m benchmarks`` (`make bench`) measures all parts in one run and writes
docs/benchmarks.md. Real clips are those of ``EARWITNESS_DATA``, else the demo's.
"""

import argparse
import contextlib
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.audio import REPOSITORY, real_clips
from benchmarks.floor import measure_peak
from benchmarks.hardware import describe, load
from benchmarks.rates import Bench
from benchmarks.rows import Row, markdown
from benchmarks.timing import Budget, Machine

PARTS = ("decoding", "features", "backbones", "networks", "tta", "epoch", "pipeline")
PAGE = REPOSITORY / "docs" / "benchmarks.md"
COLUMNS = """\
Clips a second are those of all processes together, each in the best of its rounds; the ways that a
row compares were taken in turn. **beside it** is another way of doing the same on the same cores,
and **ratio** how many times as fast ours is. **limit** is what the machine would allow: the row's
floating-point operations at the rate of a large matrix product in the same precision, or the
bytes that it must move at the rate of a large copy, whichever takes longer, on all cores; **of
it** is the share that was reached. **asked for** says what was to be shown, and whether it was."""


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    whole = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time everything that the pipeline does, beside the notebook's way of doing it "
        "and the machine's limit, and write docs/benchmarks.md. Real clips are those of "
        "EARWITNESS_DATA, else the demo's. `make bench` calls this.",
    )
    whole.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    whole.add_argument("--rounds", type=int, default=2, help="the best of these counts")
    whole.add_argument("--seconds", type=float, default=1.0, help="a piece of work, in a round")
    whole.add_argument(
        "--quick", action="store_true", help="tiny sizes on one core, to see that it runs"
    )
    whole.add_argument(
        "--out", type=Path, help="the page; default: docs/benchmarks.md, if nothing is left out"
    )
    return whole


def measure(bench: Bench, parts: Sequence[str]) -> Iterator[tuple[str, list[Row]]]:
    """Run parts one after the other.

    Parameters
    ----------
    bench : Bench
        What they work with.
    parts : sequence of str
        Their names.

    Yields
    ------
    note : str
        What the rows mean.
    rows : list of Row
        What was measured.
    """
    for name in parts:
        start = time.perf_counter()
        part = importlib.import_module(f"benchmarks.parts.{name}")
        rows = part.rows(bench)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        yield part.NOTE, rows


def page(
    machine: Sequence[str], clips: str, command: str, parts: Sequence[tuple[str, list[Row]]]
) -> str:
    """Write what was measured as a page.

    Parameters
    ----------
    machine : sequence of str
        Its description.
    clips : str
        Where the clips are from.
    command : str
        That made the page.
    parts : sequence of (str, list of Row)
        From `measure`.

    Returns
    -------
    str
        Markdown.
    """
    notes = "\n".join(f"- {note.replace(chr(10), chr(10) + '  ')}" for note, _ in parts)
    rows = [row for _, part in parts for row in part]
    return (
        f"# Benchmarks\n\nWritten by `{command}`; a new run replaces it.\n\n"
        f"{chr(10).join(machine)}\n- {clips}\n\n{markdown(rows)}\n\n{COLUMNS}\n\n{notes}\n"
    )


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """Prepare what processes inherit: no bars, and a folder for all temporary files.

    The processes of a pool leave theirs behind when they end.
    """
    old = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="earwitness-bench-") as folder:
        os.environ |= {"TQDM_DISABLE": "1", "TMPDIR": folder}
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(old)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the page and, if it is whole, put it among the documents."""
    options = parser().parse_args(arguments)
    before, parts = load(), options.only or PARTS
    budget = Budget(0.0, least=1) if options.quick else Budget(options.seconds, least=1)
    rounds = 1 if options.quick else options.rounds
    origin, files = real_clips()
    with _surroundings(), Machine(1 if options.quick else None) as machine:
        peak = measure_peak(machine, budget, rounds, options.quick)
        bench = Bench(machine, peak, files, budget, rounds, options.quick)
        measured = list(measure(bench, parts))
    given = sys.argv[1:] if arguments is None else arguments
    command = " ".join(["python -m benchmarks", *given])
    text = page(
        list(describe(peak, machine.cores, before)),
        origin,
        "make bench" if not given else command,
        measured,
    )
    print(text)
    whole = not options.quick and set(parts) == set(PARTS)
    if out := options.out or (PAGE if whole else None):
        out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
