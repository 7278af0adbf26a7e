"""Imports inside the library point one way: a module knows only its own layer and those below."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.stages.closure import HOLE, UNKNOWN, imported_modules, module_name

ROOT = Path(__file__).resolve().parent.parent

# Lowest first. A part is a module or a package directly in earwitness/.
LAYERS = (
    {"errors", "schema"},
    {"store", "audio", "labels"},
    {"splits", "fold", "features", "augment", "calibration"},
    {"nets", "backbones"},
    {"training", "inference"},
    {"ensemble", "selection", "ensembling", "evaluation", "plots", "guesses"},
    {"prediction", "report", "export", "checkup", "repro"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "earwitness").rglob("*.py"))


def part_of(module: str) -> str:
    """`training` of `earwitness.training.loop`; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imports(path: str) -> set[str]:
    return imported_modules(
        (ROOT / path).read_text(encoding="utf-8"),
        module_name(path),
        is_package=path.endswith("__init__.py"),
    )


def wrong_way(path: str) -> Iterator[str]:
    own = part_of(module_name(path))
    for name in sorted(imports(path)):
        if name.split(".")[0] != "earwitness" or part_of(name) in {"", "__version__", own}:
            continue
        if own in {"", "errors"} or LEVEL[part_of(name)] > LEVEL[own]:
            yield f"{path} imports {name}, of a layer above its own"


def test_every_part_of_the_library_has_a_layer() -> None:
    parts = {part_of(module_name(path)) for path in MODULES} - {""}
    assert parts <= set(LEVEL), f"give {sorted(parts - set(LEVEL))} a place in LAYERS"


@pytest.mark.parametrize("path", MODULES)
def test_imports_point_down(path: str) -> None:
    assert list(wrong_way(path)) == []


@pytest.mark.parametrize("path", MODULES)
def test_the_library_knows_nothing_of_the_pipeline(path: str) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    if path == "earwitness/__main__.py":
        tops -= {"stages"}  # the project's one command line: some commands are about the pipeline
    assert not tops & {"dvc", "dvclive", "stages", "tests", "demo"}
    assert not tops & {UNKNOWN, HOLE}, "a name that nobody can read may be any of them"
    if part_of(module_name(path)) == "repro":
        return  # it drives DVC, through DVC's command line
    literals = {
        node.value
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
    }
    assert not literals & {"params.yaml", "dvc.yaml", "dvc.lock"}


def test_parts_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        own = part_of(module_name(path))
        graph.setdefault(own, set()).update(
            part_of(name) for name in imports(path) if name.split(".")[0] == "earwitness"
        )
    for own, used in graph.items():
        used -= {own, "", "__version__"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"parts of earwitness/ import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    import dvc.api", "dvc.api"),
        ("from earwitness.training import loop", "earwitness.training.loop"),
        ("from .loop import fit", "earwitness.audio.loop.fit"),
        ("from ..plots import curves", "earwitness.plots.curves"),
        ("import_module('earwitness.plots')", "earwitness.plots"),
        ("NAME = 'earwitness.plots'\nimport_module(NAME)", "earwitness.plots"),
        ("import_module(name)", UNKNOWN),
        ("importlib.import_module(f'earwitness.nets.{name}')", "earwitness.nets.{}"),
        ("import_module(f'{__package__}.{name}')", "earwitness.audio.{}"),
    ],
)
def test_the_check_sees_every_way_to_import(source: str, expected: str) -> None:
    assert expected in imported_modules(source, "earwitness.audio.decode")
