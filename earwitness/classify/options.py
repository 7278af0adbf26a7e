"""The command line of ``python -m earwitness predict``."""

import argparse
import gc
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.errors import EarwitnessError

if TYPE_CHECKING:
    from earwitness.classify.classifier import Classifier

DESCRIPTION = """\
Classify audio files, all audio files below folders, or recordings of any length with the models
that `dvc repro` trained. WAV, FLAC, Ogg, MP3 and whatever else libsndfile reads, at any sample
rate, will do.

A file that is no longer than the clips the models were trained on (5 s of ESC-50, and up to a
tenth more) is padded or trimmed around its centre, as in training. A longer recording is cut into
windows: each gets rows of its own, and the file gets the mean of their probabilities."""

EPILOG = """\
examples:
  python -m earwitness predict my_sounds/
  python -m earwitness predict street.wav --hop 1 --format csv > street.csv
  find . -name '*.mp3' -newer last_run | python -m earwitness predict - --on-bad drop
  python -m earwitness predict my_sounds/ --members mn04,yamnet    # quicker
  python -m earwitness predict my_sounds/ --fold all               # the models of all folds

columns of csv and json:
  file         as it was named or found
  scope        file, or window (a part of a recording that was cut)
  start, end   seconds in the file
  rank         1 is the likeliest class
  label        the class
  probability  of the class; of a file that was cut, the mean over its windows"""


def add_options(predict: argparse.ArgumentParser) -> None:
    """Describe the arguments of ``predict``.

    Parameters
    ----------
    predict : argparse.ArgumentParser
        Given the options, and `predict` to run.
    """
    predict.formatter_class = argparse.RawDescriptionHelpFormatter
    predict.description, predict.epilog = DESCRIPTION, EPILOG
    add = predict.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a file; a folder, which is searched with its subfolders; or - to read paths from "
        "standard input, one a line (or separated by NUL, as find -print0 does)",
    )
    add("--format", choices=("table", "csv", "json"), default="table", help="default: table")
    add(
        "--top",
        type=int,
        default=3,
        metavar="N",
        help="how many classes to give for a file or window; default: 3",
    )
    add(
        "--on-bad",
        choices=("fail", "drop"),
        default="fail",
        help="whether files that are missing or cannot be decoded are an error or left out; "
        "default: fail",
    )
    _add_cutting(predict.add_argument_group("long recordings"))
    _add_models(predict.add_argument_group("models"))
    predict.set_defaults(run=predict_files)


def _add_cutting(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--window",
        type=float,
        metavar="SECONDS",
        help="length of a window, at most the models' clip length, which is the default (5 s of "
        "ESC-50); shorter ones are padded",
    )
    group.add_argument(
        "--hop",
        type=float,
        metavar="SECONDS",
        help="from one window's start to the next; default: the window, so that they touch. A "
        "last window covers what is left, a tenth of a window or more, and ends with the recording",
    )
    group.add_argument(
        "--no-windows",
        action="store_true",
        help="trim long recordings around their centre instead, as training and evaluation do",
    )


def _add_models(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--model",
        type=Path,
        default=Path("models"),
        metavar="PATH",
        help="folder with ensemble.json and members/, or an .onnx file that was exported from "
        "them; default: models",
    )
    group.add_argument(
        "--members",
        metavar="NAMES",
        help="only these members of the ensemble, as in spec_cnn,mn04, with their fitted "
        "weights, scaled up if they sum to less than 1; one alone has its own calibrated "
        "probabilities; default: all members",
    )
    group.add_argument(
        "--fold",
        metavar="K",
        help="whose models: those of one fold, or all, for the mean over the probabilities of "
        "all folds' models, which takes several times as long; default: the first fold that "
        "was trained",
    )
    group.add_argument(
        "--shifts",
        action="store_true",
        help="average over the time shifts that validation chose: of one fold this is what "
        "evaluation measured, for up to three times the work",
    )


def predict_files(options: argparse.Namespace) -> int:
    """Run ``predict``.

    Parameters
    ----------
    options : argparse.Namespace
        What `add_options` describes.

    Returns
    -------
    int
        0.

    Raises
    ------
    EarwitnessError
        For every mistake, in one sentence.
    """
    if options.top < 1:
        raise EarwitnessError(f"--top {options.top}: ask for at least one class")
    if options.no_windows and (options.window is not None or options.hop is not None):
        raise EarwitnessError("--no-windows leaves nothing for --window and --hop to set")
    with _nothing_is_garbage():
        from earwitness.audio.find import find_audio, read_list
        from earwitness.audio.windows import choose_windows
        from earwitness.classify.files import classify_files
        from earwitness.guesses import render

        paths: list[str] = []
        for path in options.paths:
            paths += read_list(sys.stdin.buffer) if path == "-" else [path]
        files = find_audio(paths, options.on_bad)
        model, workers = _load(options)
    windowing = None
    if not options.no_windows:
        windowing = choose_windows(options.window, options.hop, model.seconds)
    guesses = classify_files(
        files, model, windowing, options.top, on_bad=options.on_bad, workers=workers
    )
    _print(render(guesses, options.format), options.format)
    return 0


def _print(text: str, form: str) -> None:
    """Write to standard output: data as UTF-8, a table in what the terminal can show."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = None if form == "table" else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try it once more at its end, and tell of that.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise EarwitnessError(f"the result cannot be written: {error.strerror}") from error


@contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """Import and load without Python's search for cycles, which takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _load(options: argparse.Namespace) -> "tuple[Classifier, int]":
    """Load the models; how many batches at a time they take."""
    if options.model.suffix == ".onnx":
        given = {"members": options.members, "fold": options.fold, "shifts": options.shifts or None}
        for name, value in given.items():
            if value is not None:
                raise EarwitnessError(
                    f"--{name} is for a folder of models: {options.model} is one model, as it "
                    "was exported"
                )
        onnx: Classifier = import_module("earwitness.export.runtime").OnnxModel(options.model)
        return onnx, 1
    from earwitness.prediction import Ensemble, share_cores

    members = None
    if options.members is not None:
        members = [name.strip() for name in options.members.split(",") if name.strip()]
        if not members:
            raise EarwitnessError("--members names none: give names, as in spec_cnn,mn04")
    workers = share_cores()
    fold = "first" if options.fold is None else options.fold
    ensemble = Ensemble(options.model, fold, members=members, shifts=options.shifts)
    return ensemble, workers
