"""Compares what dvc.yaml lists for a stage with what the stage's code uses."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.stages.closure import (
    HOLE,
    PACKAGES,
    import_closure,
    is_empty_package,
    normalise,
    params_read,
)

Stage = Mapping[str, Any]

# Runs every stage's module, loading only the one it is asked for.
ENTRY_POINT = "stages/__main__.py"
ANY_STAGE = f"stages/{HOLE}.py"


def items_of(stage: Stage, params: Mapping[str, Any]) -> list[str]:
    """Every value of every matrix dimension."""
    items = []
    for values in stage.get("matrix", {}).values():
        if isinstance(values, str):  # ${model.networks}: the list of that name in params.yaml
            found: Any = params
            for key in values.removeprefix("${").removesuffix("}").split("."):
                found = found[key]
            values = found
        items += [str(value) for value in values]
    return items


def code_deps(stage: Stage) -> set[str]:
    """Dependencies on code, in template form."""
    deps = (normalise(dep) for dep in stage.get("deps", []))
    return {dep for dep in deps if dep.split("/")[0] in PACKAGES}


def listed_params(stage: Stage) -> set[str]:
    """Parameters of a stage, in template form."""
    return {normalise(key) for key in stage.get("params", [])}


def members(root: Path, template: str, items: Iterable[str]) -> list[str]:
    """Existing modules that a template stands for when its hole is one of the items."""
    if HOLE not in template:
        return []
    paths = (template.replace(HOLE, item) for item in items)
    return [path for path in paths if (root / path).is_file()]


def expected_code(root: Path, name: str, items: Iterable[str]) -> set[str]:
    """The import closure of a stage, through the modules that its items name."""
    path = f"stages/{name}.py"
    closure: set[str] = set()
    while True:  # a template's own modules may bring in further templates
        wider = import_closure(root, path, {t: members(root, t, items) for t in closure})
        if wider == closure:
            return closure | import_closure(root, ENTRY_POINT, {}) - {ANY_STAGE}
        closure = wider


def covered(root: Path, path: str, deps: Collection[str], items: Iterable[str]) -> bool:
    """Whether a file is a dependency itself, inside one, or named by a template of one.

    A template is covered by a dependency on each of the modules it stands for, too.
    """
    named = members(root, path, items)
    if named and all(module in deps for module in named):
        return True
    return any(
        path == dep or path.startswith(dep.rstrip("/") + "/") or path in members(root, dep, items)
        for dep in deps
    )


def compare_code(root: Path, name: str, stage: Stage, items: Iterable[str]) -> str:
    """Lines to add to and to take out of a stage's deps; empty when there are none."""
    deps = code_deps(stage)
    needed = expected_code(root, name, items)
    named = {path for template in needed for path in members(root, template, items)}
    missing = {path for path in needed if not covered(root, path, deps, items)}
    extra = {
        dep
        for dep in deps
        if not any(covered(root, path, [dep], items) for path in needed | named)
        and not ((root / dep).is_file() and is_empty_package(root, dep))
    }
    return report(name, "deps", missing, extra)


def compare_params(root: Path, name: str, stage: Stage) -> str:
    """Lines to add to and to take out of a stage's params; empty when there are none."""
    read = params_read((root / "stages" / f"{name}.py").read_text(encoding="utf-8"))
    listed = listed_params(stage)
    return report(name, "params", read - listed, listed - read)


def report(name: str, what: str, missing: Iterable[str], extra: Iterable[str]) -> str:
    """Show a difference in the form of the list it belongs to."""
    lines = [f"    + {entry}" for entry in sorted(missing)]
    lines += [f"    - {entry}" for entry in sorted(extra)]
    return "\n".join([f"stage {name}, {what}:", *lines]) if lines else ""
