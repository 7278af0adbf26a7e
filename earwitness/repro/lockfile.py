"""dvc.lock, written as DVC writes it."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from earwitness.store.atomic import write_text

NAME = "dvc.lock"

Entry = Mapping[str, Any]


def read_entries(root: Path) -> dict[str, Entry]:
    """Read what dvc.lock holds on each stage; nothing if there is no such file."""
    entries: dict[str, Entry] = _read(root).get("stages", {})
    return entries


def write_entries(root: Path, entries: Mapping[str, Entry]) -> None:
    """Replace the stages of dvc.lock, in the order given; what else it holds stays.

    No DVC command may run in the repository meanwhile.
    """
    path = root / NAME
    document = {"schema": "2.0", **_read(root), "stages": dict(entries)}
    yaml = YAML()
    yaml.default_flow_style = False
    stream = io.StringIO()
    yaml.dump(document, stream)
    if not path.exists() or path.read_text(encoding="utf-8") != stream.getvalue():
        write_text(path, stream.getvalue())


def sort_entries(root: Path, before: Iterable[str], order: Iterable[str]) -> None:
    """Put the stages of dvc.lock in the order in which `dvc repro` would have left them.

    Parameters
    ----------
    root : Path
        The repository.
    before : iterable of str
        The stages that dvc.lock had before the run: they stay where they were.
    order : iterable of str
        The order in which `dvc repro` would have added the others.
    """
    entries = read_entries(root)
    if not entries:
        return
    names = dict.fromkeys([*before, *order, *entries])
    write_entries(root, {name: entries[name] for name in names if name in entries})


def _read(root: Path) -> dict[str, Any]:
    path = root / NAME
    if not path.exists():
        return {}
    document: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return document
