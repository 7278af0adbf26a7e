"""What a Python file imports, and which parameters a stage reads, found without running it.

Paths are relative to the repository, in POSIX form. A module that is imported by a name known
only at run time (``import_module(f"earwitness.nets.{network}")``) is a template path
(``earwitness/nets/{}.py``), the form that `normalise` gives to DVC's ``${item.network}``.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("earwitness", "stages")
HOLE = "{}"
UNKNOWN = "?"
# Every stage has it check params.yaml as a whole before anything else, so it knows every section.
# It may stop a stage, but shapes no output: nothing has to run again when it changes.
GATE = "stages/schema.py"


def normalise(entry: str) -> str:
    """Replace each ``${...}`` placeholder of dvc.yaml by ``{}``."""
    return re.sub(r"\$\{[^}]*\}", HOLE, entry)


def import_closure(root: Path, path: str, templates: dict[str, Iterable[str]]) -> set[str]:
    """Collect every file of the project that `path` needs, itself included.

    Parameters
    ----------
    root : Path
        The repository.
    path : str
        The file to start from.
    templates : dict of str to iterable of str
        For a template path, the files it stands for: their imports are followed as well.

    Returns
    -------
    set of str
        Files and templates. ``__init__.py`` files without code are left out, and `GATE`.
    """
    found: set[str] = set()
    waiting = [path]
    while waiting:
        path = waiting.pop()
        if path in found or path == GATE:
            continue
        found.add(path)
        if HOLE in path:
            members = templates.get(path, ())
            for member in members:
                waiting += imported_files(root, member)
        else:
            waiting += imported_files(root, path)
    return {path for path in found if not is_empty_package(root, path)}


@cache
def imported_files(root: Path, path: str) -> tuple[str, ...]:
    """Files and templates of the project that one file uses, wherever in its code.

    Beside what it imports, these are the files of its own folder that it names ("page.css").
    """
    if not path.endswith(".py"):
        return ()
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    package = module_name(path) if path.endswith("/__init__.py") else parent(module_name(path))
    files: set[str] = set()
    for name in _imported_names(tree, package):
        if name.split(".")[0] in {HOLE, UNKNOWN}:
            raise ValueError(f"{path} imports a module by a name that this check cannot read")
        files.update(files_of_module(root, name))
    folder = Path(path).parent
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
            if re.fullmatch(r"[\w-]+\.\w+", name) and (root / folder / name).is_file():
                files.add((folder / name).as_posix())
    return tuple(sorted(files))


def imported_modules(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Absolute dotted names that a module's source imports, third parties included."""
    package = module if is_package else parent(module)
    return set(_imported_names(ast.parse(source), package))


def _imported_names(tree: ast.Module, package: str) -> Iterator[str]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # `y` of `from x import y` may be a module: files_of_module decides.
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield from _dynamic_import(node, package, constants)


def _dynamic_import(call: ast.Call, package: str, constants: dict[str, str]) -> Iterator[str]:
    """The name in an `import_module` call; `UNKNOWN` where the code does not tell."""
    if ast.unparse(call.func).split(".")[-1] in {"import_module", "__import__"}:
        name = call.args[0]
        if isinstance(name, ast.Name):
            yield constants.get(name.id, UNKNOWN)
        else:
            yield text_template(name, package) or UNKNOWN


def text_template(node: ast.AST, package: str = "") -> str | None:
    """Return a literal's text, or an f-string's with ``{}`` for each value; None for the rest."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            elif isinstance(part, ast.FormattedValue) and ast.unparse(part.value) == "__package__":
                parts.append(package)
            else:
                parts.append(HOLE)
        return "".join(parts)
    return None


def files_of_module(root: Path, name: str) -> list[str]:
    """Files that importing a dotted name executes: the packages above it and the module."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return []
    files = []
    for i in range(1, len(parts) + 1):
        stem = "/".join(parts[:i])
        if HOLE in stem:
            return [*files, f"{'/'.join(parts)}.py"]
        if (root / stem / "__init__.py").is_file():
            files.append(f"{stem}/__init__.py")
        elif (root / f"{stem}.py").is_file():
            files.append(f"{stem}.py")
    return files


def is_empty_package(root: Path, path: str) -> bool:
    """Whether a file is an ``__init__.py`` of nothing but a docstring and ``__version__``."""
    if not path.endswith("__init__.py"):
        return False
    body = ast.parse((root / path).read_text(encoding="utf-8")).body
    return all(
        (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__")
        for node in body
    )


def params_read(source: str) -> set[str]:
    """Keys of the ``params.get("key", Type)`` calls in a stage's source, as templates."""
    keys = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
            and ast.unparse(node.func.value) in {"params", "open_params()"}
            and len(node.args) == 2
        ):
            key = text_template(node.args[0])
            if key is None:
                raise ValueError(
                    f"line {node.lineno}: the key {ast.unparse(node.args[0])} is neither a "
                    "literal nor an f-string, so nobody can tell which parameters this reads"
                )
            keys.add(key)
    return keys


def module_name(path: str) -> str:
    """Dotted name of a file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def parent(module: str) -> str:
    """Package that a module lies in."""
    return module.rpartition(".")[0]
