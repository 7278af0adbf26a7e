"""A YAML file as plain values, with what YAML allows and parameters must not have refused."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from earwitness.errors import EarwitnessError
from earwitness.schema.problems import dotted


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
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise EarwitnessError(
            f"{path} does not exist in {Path.cwd()}: run from the folder that holds it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EarwitnessError(f"{path} cannot be read as UTF-8 text: {error}") from error
    content = _parse(path, text)
    if not isinstance(content, dict):
        raise EarwitnessError(f"{path} is empty or not a mapping of sections")
    try:
        problems = list(_not_plain(content, ()))
    except RecursionError:
        raise EarwitnessError(f"{path}: an alias refers to itself; write out its value") from None
    if problems:
        raise EarwitnessError(f"{path}: {join(problems)}")
    return content


def join(problems: list[str]) -> str:
    """Make one text of several problems: one a line, unless there is only one."""
    return problems[0] if len(problems) == 1 else "\n  ".join(["", *problems])


def _parse(path: Path, text: str) -> Any:
    # pure: the loader in C, where installed, reads YAML 1.1.
    yaml = YAML(typ="safe", pure=True)
    try:
        for event in yaml.parse(text):
            tag = getattr(event, "ctag", None)
            if tag is not None:
                raise EarwitnessError(
                    f"{path}, line {event.start_mark.line + 1}: the tag {tag} is not allowed; "
                    "write a plain value"
                )
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
