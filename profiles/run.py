"""Run a profile: ``python -m profiles.run NAME [-j N]`` (`make repro PROFILE=NAME`).

A profile is an override, ``profiles/<name>.yaml``: params.yaml with some of its values replaced,
run in a workspace of its own (``.profiles/<name>/``). Its metrics come to
``metrics/profiles/<name>.json``, with the minutes that it took. ``default`` is params.yaml itself,
run in the repository.
"""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from earwitness.errors import EarwitnessError
from earwitness.schema.problems import suggest
from earwitness.store.atomic import write_json
from profiles.workspace import REPOSITORY, Workspace, run_module
from stages.document import read_document

RESULTS = Path("metrics", "profiles")
LOG = Path("logs", "stages.csv")
DEFAULT = "default"


def overridden(params: Mapping[str, Any], override: Mapping[str, Any], above: str = "") -> Any:
    """Replace some values of nested parameters.

    Parameters
    ----------
    params, override : mapping
        Sections are merged; every other value of `override` takes the place of the one in
        `params`.
    above : str
        Path of the section, for messages.

    Returns
    -------
    dict
        New, with the keys of `params` in their order.

    Raises
    ------
    EarwitnessError
        If `override` has a key that `params` has not.
    """
    merged = dict(params)
    for key, value in override.items():
        if key not in params:
            raise EarwitnessError(f"{above}{key} is not a known key{suggest(key, params)}")
        old = params[key]
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = overridden(old, value, f"{above}{key}.") if both else value
    return merged


def profile_params(name: str) -> str:
    """Make the params.yaml of a profile.

    Parameters
    ----------
    name : str
        Of a file in ``profiles/``.

    Returns
    -------
    str
        YAML.

    Raises
    ------
    EarwitnessError
        If there is no such profile, or it has a key that params.yaml has not.
    """
    folder = REPOSITORY / "profiles"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise EarwitnessError(f"no profile is called {name!r}{suggest(name, [*known, DEFAULT])}")
    params = read_document(REPOSITORY / "params.yaml")
    try:
        content = overridden(params, read_document(folder / f"{name}.yaml"))
    except EarwitnessError as error:
        raise EarwitnessError(f"profiles/{name}.yaml: {error}") from error
    stream = io.StringIO()
    YAML().dump(content, stream)
    return (
        f"# params.yaml with profiles/{name}.yaml; written by profiles/run.py\n{stream.getvalue()}"
    )


def run_profile(name: str, jobs: int) -> None:
    """Run a profile and keep its metrics.

    Parameters
    ----------
    name : str
        Of the profile.
    jobs : int
        Stages side by side.

    Raises
    ------
    EarwitnessError
        If there is no such profile, or its run fails.
    """
    began = time.time()
    if name == DEFAULT:
        root, targets = REPOSITORY, []
    else:
        root = Workspace(Path(".profiles", name), profile_params(name)).root
        _link_data(root)
        # The pages about single clips are not what a profile is for; `dvc repro` there makes them.
        targets = ["evaluate"]
    if not (root / read_document(root / "params.yaml")["data"]["root"]).exists():
        # By force: DVC remembers that it was fetched once, and would not look whether it is there.
        run_module(["dvc", "repro", "--single-item", "--force", "fetch"], root)
    run_module(["earwitness", "repro", "-j", str(jobs), *targets], root)
    elapsed = (time.time() - began) / 60
    of_stages = minutes_of_stages(root)
    if of_stages is None or (root / LOG).stat().st_mtime < began:
        why = "Nothing ran" if of_stages else "Part of this was there already, without its time"
        print(f"{why}: {RESULTS / name}.json is not written.")
        return
    summary = json.loads((root / "metrics" / "summary.json").read_text(encoding="utf-8"))
    called = "make repro" if name == DEFAULT else f"make repro PROFILE={name}"
    # Of a run in several goes the stages know more than the last go, which knows DVC's own time.
    facts = {
        "minutes": round(max(elapsed, of_stages), 1),
        "command": f"{called} DATA=/path/to/ESC-50 JOBS={jobs}",
    }
    write_json(REPOSITORY / RESULTS / f"{name}.json", summary | facts)
    print(f"metrics of this profile: {RESULTS / name}.json; its results: {root}")


def _link_data(root: Path) -> None:
    """Give a workspace the repository's data set, if it has one."""
    data = Path(read_document(root / "params.yaml")["data"]["root"])
    source, link = (REPOSITORY / data).resolve(), root / data
    if not source.exists():
        return
    if link.is_symlink() and link.resolve() != source:
        link.unlink()  # to the data set of an earlier run
    if not os.path.lexists(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)


def minutes_of_stages(root: Path) -> float | None:
    """Tell how long the stages of a workspace ran, side by side or in several goes.

    Parameters
    ----------
    root : Path
        Of the workspace.

    Returns
    -------
    float or None
        Minutes in which at least one of the stages ran, each counted as it ran last. None if a
        member of some fold was not predicted here, so that its time is not known.
    """
    log = root / LOG
    if not log.is_file():
        return None
    rows = pd.read_csv(log).drop_duplicates("stage", keep="last")
    params = read_document(root / "params.yaml")
    members = {f"predict@{m}-{fold}" for m in params["members"] for fold in params["folds"]}
    if not members <= set(rows["stage"]):
        return None
    ends = pd.to_datetime(rows["finished"])
    spans = sorted(zip(ends - pd.to_timedelta(rows["seconds"], "s"), ends, strict=True))
    total, until = pd.Timedelta(0), pd.Timestamp.min
    for start, end in spans:
        total += max(end - max(start, until), pd.Timedelta(0))
        until = max(until, end)
    return total / pd.Timedelta(minutes=1)


def main() -> int:
    """Run the profile that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m profiles.run",
        description="Run the pipeline with an override of params.yaml (profiles/NAME.yaml) in "
        ".profiles/NAME/, up to the metrics, which come to metrics/profiles/NAME.json with the "
        "minutes it took. `make repro PROFILE=NAME` calls this.",
    )
    parser.add_argument(
        "name",
        help="a file in profiles/: quick, quick_packages, quick_spec_cnn, long, long_bc_resnet, "
        "notebook, notebook_bc_resnet; or default",
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=2, metavar="N", help="stages at a time; default: 2"
    )
    options = parser.parse_args()
    try:
        run_profile(options.name, options.jobs)
    except EarwitnessError as mistake:
        print(f"profile {options.name}: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
