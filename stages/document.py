"""A YAML file as plain values, with what YAML allows and parameters must not have refused."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from earwitness.errors import EarwitnessError
from earwitness.schema.problems import dotted

MAX_BYTES = 100_000
MAX_VALUES = 100_000
MAX_DEPTH = 50


def read_document(path: Path) -> dict[str, Any]:
    """Read a YAML file.

    Parameters
    ----------
    path : Path
        YAML 1.2, as DVC reads it: ``1e-3`` is a number, ``yes`` is text.

    Returns
    -------
    dict
        Plain values: text, numbers, booleans, None, lists and dictionaries.

    Raises
    ------
    EarwitnessError
        If the file cannot be read, is no mapping, or has duplicate keys, tags, dates, keys
        that are not text, NaN or infinity.
    """
    content = _parse(path, _read_text(path))
    if not isinstance(content, dict):
        raise EarwitnessError(f"{path} is empty or not a mapping of sections")
    problems = list(_not_plain(content, ()))
    if problems:
        raise EarwitnessError(f"{path}: {join(problems)}")
    return content


def join(problems: list[str]) -> str:
    """Make one text of several problems: one a line, unless there is only one."""
    return problems[0] if len(problems) == 1 else "\n  ".join(["", *problems])


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise EarwitnessError(f"{path} is larger than {MAX_BYTES // 1000} kB: no such file is")
        return content.decode("utf-8")
    except FileNotFoundError:
        raise EarwitnessError(
            f"{path} does not exist in {Path.cwd()}: run from the folder that holds it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EarwitnessError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _parse(path: Path, text: str) -> Any:
    # pure: the loader in C, where installed, reads YAML 1.1.
    yaml = YAML(typ="safe", pure=True)
    try:
        _check_events(path, yaml.parse(text))
        return yaml.load(text)
    except DuplicateKeyError as error:
        key = str(error.problem).partition(" with value")[0].removeprefix("found duplicate key ")
        raise EarwitnessError(
            f"{path}, line {error.problem_mark.line + 1}: the key {key} stands twice in one "
            "section; remove one"
        ) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise EarwitnessError(f"{path}{line}: not valid YAML: {error.problem}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise EarwitnessError(f"{path}: not valid YAML: {error}") from error


def _check_events(path: Path, events: Iterable[Any]) -> None:
    """Refuse tags, and aliases that would fill the memory once they are written out."""
    values = 0
    anchored: dict[str | None, int] = {}
    opened: list[tuple[str | None, int]] = []
    for event in events:
        line = f"{path}, line {event.start_mark.line + 1}"
        tag = getattr(event, "ctag", None)
        if tag is not None:
            raise EarwitnessError(f"{line}: the tag {tag} is not allowed; write a plain value")
        if isinstance(event, AliasEvent):
            if event.anchor not in anchored:
                raise EarwitnessError(
                    f"{line}: the alias *{event.anchor} refers to itself or to nothing; write out "
                    "its value"
                )
            values += anchored[event.anchor]
        elif isinstance(event, CollectionStartEvent):
            anchored.pop(event.anchor, None)  # within itself, it is not what had its name before
            opened.append((event.anchor, values))
            values += 1
            # The time to read a document grows with the square of its depth.
            if len(opened) > MAX_DEPTH:
                raise EarwitnessError(f"{line}: more than {MAX_DEPTH} levels inside one another")
        elif isinstance(event, CollectionEndEvent):
            anchor, before = opened.pop()
            anchored[anchor] = values - before
        else:
            anchored[getattr(event, "anchor", None)] = 1
            values += 1
        if values > MAX_VALUES:
            raise EarwitnessError(f"{line}: this is more than {MAX_VALUES} values, aliases counted")


def _not_plain(value: Any, location: tuple[str | int, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str):
                yield from _not_plain(item, (*location, key))
            else:
                where = dotted(location) or "the top level"
                yield f"{where} has the key {key!r}, which is not text"
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _not_plain(item, (*location, position))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{dotted(location)} must be a finite number, not {value}"
    elif not isinstance(value, (str, int, float, type(None))):
        yield f"{dotted(location)} must be a plain value, not a {type(value).__name__}"
