"""The command line: ``python -m earwitness predict PATH...``, ``python -m earwitness check``."""

import argparse
import sys
from pathlib import Path

from earwitness.errors import EarwitnessError


def parser() -> argparse.ArgumentParser:
    """Describe the command line.

    Returns
    -------
    argparse.ArgumentParser
        With the subcommands ``predict`` and ``check``.
    """
    whole = argparse.ArgumentParser(prog="python -m earwitness", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="classify audio files or folders with the trained ensemble",
        description="Classify audio files, or all audio files below folders, with the models "
        "that `dvc repro` trained. Clips are trimmed or padded around their centre to the "
        "length the models were trained on.",
    )
    predict.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
    predict.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="default: table"
    )
    predict.add_argument(
        "--top", type=int, default=3, metavar="N", help="classes a file; default: 3"
    )
    predict.add_argument(
        "--model",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder with ensemble.json and members/; default: models",
    )
    predict.add_argument(
        "--fold",
        type=int,
        metavar="K",
        help="use the models of one fold only; default: the mean over all folds' models",
    )
    commands.add_parser(
        "check",
        help="what would stop the pipeline, and what it would take, before it runs",
        description="Look at params.yaml, data, weights, disk, memory, git and DVC, and estimate "
        "the time that `dvc repro` takes from a little of each stage's work. Writes nothing.",
    )
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        0, 1 if `check` has found a problem, or 2 after a mistake that was told in one sentence.
    """
    options = parser().parse_args(arguments)
    if options.command == "check":
        from stages.check import check

        status: int = check()
        return status
    try:
        from earwitness.prediction import classify_files, find_audio, render

        if options.top < 1:
            raise EarwitnessError(f"--top {options.top}: ask for at least one class")
        files = find_audio(options.paths)
        rows = classify_files(files, options.model, options.fold, options.top)
        print(render(rows, options.format), end="")
    except EarwitnessError as error:
        print(f"predict: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
