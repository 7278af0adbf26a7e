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
import subprocess
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
from profiles.workspace import REPOSITORY, Workspace
from stages.document import read_document

RESULTS = Path("metrics", "profiles")
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
        root = REPOSITORY
        command = [sys.executable, "-m", "earwitness", "repro", "-j", str(jobs)]
        if subprocess.run(command, cwd=root, check=False).returncode:
            raise EarwitnessError("`python -m earwitness repro` failed")
    else:
        workspace = Workspace(Path(".profiles", name), profile_params(name))
        root = workspace.root
        _link_data(root)
        # The pages about single clips are not what a profile is for; `dvc repro` there makes them.
        workspace.run("earwitness", "repro", "-j", str(jobs), "evaluate")
    minutes = (time.time() - began) / 60
    if not _ran_whole(root, began):
        print(
            "Part of this was there already, so the minutes do not count: "
            f"{RESULTS / name}.json is not written."
        )
        return
    summary = json.loads((root / "metrics" / "summary.json").read_text(encoding="utf-8"))
    called = "make repro" if name == DEFAULT else f"make repro PROFILE={name}"
    facts = {"minutes": round(minutes, 1), "command": f"{called} DATA=/path/to/ESC-50 JOBS={jobs}"}
    write_json(REPOSITORY / RESULTS / f"{name}.json", summary | facts)
    print(f"metrics of this profile: {RESULTS / name}.json; its results: {root}")


def _link_data(root: Path) -> None:
    """Give a workspace the repository's data set, if it has one."""
    data = Path(read_document(root / "params.yaml")["data"]["root"])
    source, link = (REPOSITORY / data).resolve(), root / data
    if source.exists() and not os.path.lexists(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)


def _ran_whole(root: Path, began: float) -> bool:
    """Whether every member of every fold was predicted since: the minutes are of the whole."""
    log = root / "logs" / "stages.csv"
    if not log.is_file():
        return False
    rows = pd.read_csv(log)
    since = set(rows["stage"][pd.to_datetime(rows["finished"]) >= _local(began)])
    params = read_document(root / "params.yaml")
    members = [f"{m}-{fold}" for m in params["members"] for fold in params["folds"]]
    return {f"predict@{member}" for member in members} <= since


def _local(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds)))


def main() -> int:
    """Run the profile that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m profiles.run", description=__doc__)
    parser.add_argument(
        "name", help="quick, quick_spec_cnn, notebook: a file in profiles/; or default"
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
