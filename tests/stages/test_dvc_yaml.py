"""Each stage of dvc.yaml lists exactly the code and the parameters that it uses.

DVC does not follow imports (treeverse/dvc#9195): a module missing from `deps` leaves a stage
untouched when it changes, and one too many trains everything anew for nothing.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.stages.check import (
    ENTRY_POINT,
    code_deps,
    compare_code,
    compare_params,
    expected_code,
    items_of,
    members,
)
from tests.stages.closure import GATE, HOLE, is_empty_package, params_read

ROOT = Path(__file__).resolve().parent.parent.parent
# What prints the results for a person or looks ahead for one, and the check of params.yaml as a
# whole (see GATE).
NOT_STAGES = {
    GATE,
    "stages/check.py",
    "stages/document.py",
    "stages/repository.py",
    "stages/show.py",
}


def load(name: str) -> dict[str, Any]:
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


PARAMS = load("params.yaml")
STAGES = load("dvc.yaml")["stages"]
ITEMS = {name: items_of(stage, PARAMS) for name, stage in STAGES.items()}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_its_module(name: str) -> None:
    assert (ROOT / "stages" / f"{name}.py").is_file()
    assert re.match(rf"python -m stages {name}(\s|$)", STAGES[name]["cmd"])


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_what_the_code_imports(name: str) -> None:
    difference = compare_code(ROOT, name, STAGES[name], ITEMS[name])
    assert not difference, difference


@pytest.mark.parametrize("name", STAGES)
def test_params_are_what_the_code_reads(name: str) -> None:
    difference = compare_params(ROOT, name, STAGES[name])
    assert not difference, difference


@pytest.mark.parametrize("name", STAGES)
def test_only_the_stage_itself_reads_params(name: str) -> None:
    """A module that read them on a stage's behalf would escape the check above."""
    for path in expected_code(ROOT, name, ITEMS[name]) - {f"stages/{name}.py"}:
        if path.endswith(".py") and HOLE not in path and path != ENTRY_POINT:
            assert params_read((ROOT / path).read_text(encoding="utf-8")) == set(), path


@pytest.mark.parametrize("name", STAGES)
def test_every_dependency_on_code_exists(name: str) -> None:
    for dep in code_deps(STAGES[name]):
        assert (ROOT / dep).exists() or members(ROOT, dep, ITEMS[name]), f"stage {name}: {dep}"


def test_every_stage_module_belongs_to_a_stage() -> None:
    used = {path for name in STAGES for path in expected_code(ROOT, name, ITEMS[name])}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "stages").glob("*.py")}
    unused = {path for path in modules - used if not is_empty_package(ROOT, path)}
    assert unused <= NOT_STAGES
