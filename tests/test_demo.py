"""The demo's parameters keep up with params.yaml, and the demo leaves the repository alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent


def load(name: str) -> dict[str, Any]:
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


def keys(params: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in params.items():
        yield f"{path}{key}"
        if isinstance(value, dict):
            yield from keys(value, f"{path}{key}.")


def test_the_demo_has_the_same_parameters() -> None:
    """Except that it may leave models out."""
    ours, theirs = load("demo/params.yaml"), load("params.yaml")
    for section in ("features", "train", "finetune"):
        for model in set(theirs[section]) - set(ours[section]):
            del theirs[section][model]
    assert set(keys(ours)) == set(keys(theirs))


@pytest.mark.parametrize("section", ["features", "prepare", "runtime", "predict", "evaluate"])
def test_the_demo_only_trains_less(section: str) -> None:
    """What a clip goes through before and after training is what it goes through in earnest."""
    ours, theirs = load("demo/params.yaml")[section], load("params.yaml")[section]
    if section == "features":  # of the networks that the demo trains
        theirs = {network: theirs[network] for network in ours}
    assert ours == theirs


def test_the_demo_runs_on_the_clips_of_the_repository() -> None:
    root = load("demo/params.yaml")["data"]["root"]
    assert (ROOT / root / "meta" / "esc50.csv").is_file()


def test_git_and_dvc_ignore_the_workspace_of_the_demo() -> None:
    for name in (".gitignore", ".dvcignore"):
        patterns = (ROOT / name).read_text(encoding="utf-8").split()
        assert {"/.demo/", ".demo/"} & set(patterns)
