"""The command line: ``python -m earwitness COMMAND``, with predict, repro or check."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.errors import EarwitnessError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    """Describe the command line.

    Returns
    -------
    argparse.ArgumentParser
        With the subcommands ``predict``, ``repro`` and ``check``.
    """
    whole = argparse.ArgumentParser(
        prog="python -m earwitness",
        description="Reproduce the pipeline, look ahead, or classify your own files.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_predict(commands)
    _add_repro(commands)
    _add_check(commands)
    return whole


def _add_predict(commands: "Commands") -> None:
    from earwitness.classify.options import add_options

    predict = commands.add_parser(
        "predict",
        help="classify audio files, folders or long recordings with the trained ensemble",
    )
    add_options(predict)


def _add_repro(commands: "Commands") -> None:
    repro = commands.add_parser(
        "repro",
        help="`dvc repro` with stages side by side, here or on a Dask cluster",
        description="Do what `dvc repro` does, with stages that do not depend on each other side "
        "by side. What stages take of a machine stands in the section repro of params.yaml.",
    )
    repro.add_argument("targets", nargs="*", metavar="TARGET", help="as of `dvc repro`")
    where = repro.add_mutually_exclusive_group()
    where.add_argument(
        "-j", "--jobs", type=int, metavar="N", help="stages at a time; default: one a core"
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a running Dask cluster, e.g. tcp://host:8786; its workers see this folder",
    )
    repro.add_argument(
        "--remote",
        metavar="NAME",
        help="with --scheduler: workers are in clones of their own, and exchange results through "
        "this DVC remote",
    )
    repro.set_defaults(run=_repro)


def _add_check(commands: "Commands") -> None:
    check = commands.add_parser(
        "check",
        help="what would stop the pipeline, and what it would take, before it runs",
        description="Look at params.yaml, data, weights, disk, memory, git and DVC, and estimate "
        "the time that `dvc repro` takes from a little of each stage's work. Writes nothing.",
    )
    check.set_defaults(run=_check)


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        0, 1 if `check` has found a problem or stages have failed, or 2 after a mistake that was
        told in one sentence.
    """
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except EarwitnessError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever reads the output has enough, as `head` has; Python would flush it once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return status


def _check(_: argparse.Namespace) -> int:
    from stages.check import check

    status: int = check()
    return status


def _repro(options: argparse.Namespace) -> int:
    if options.jobs is not None and options.jobs < 1:
        raise EarwitnessError(f"--jobs {options.jobs}: ask for at least one stage at a time")
    if options.remote and not options.scheduler:
        raise EarwitnessError(
            f"--remote {options.remote} is for workers elsewhere: name their --scheduler too"
        )
    from earwitness.repro.report import report
    from earwitness.repro.run import reproduce

    # Whoever ends this ends the stages as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = reproduce(
        Path.cwd(),
        options.targets,
        jobs=options.jobs,
        scheduler=options.scheduler,
        remote=options.remote,
    )
    return report(result, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())
