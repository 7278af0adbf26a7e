"""What pydantic found wrong with parameters, in words a person can act on."""

import dataclasses
import difflib
import json
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import ValidationError

Location = Sequence[str | int]

EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "a list",
    "dict_type": "a section with keys below it",
    "dataclass_type": "a section with keys below it",
    "dataclass_exact_type": "a section with keys below it",
    "literal_error": "{expected}",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_pattern_mismatch": "text that matches {pattern}",
}


def describe(error: ValidationError, root: type, above: Location = ()) -> list[str]:
    """Put each problem into one clause that starts with the key's path.

    Parameters
    ----------
    error : ValidationError
        From validating against `root`.
    root : type
        The dataclass.
    above : sequence of str or int
        Path of the section that was validated.

    Returns
    -------
    list of str
        E.g. ``train.spec_cnn.loop.epochs must be an integer, not the string 'ten'``.
    """
    lines = []
    for problem in error.errors(include_url=False):
        kind, context = problem["type"], problem.get("ctx", {})
        steps, section_type = _walk(root, problem["loc"])
        here = dotted([*above, *steps])
        if kind in ("unexpected_keyword_argument", "extra_forbidden"):
            names = _fields(section_type)
            lines.append(f"{here} is not a known key{suggest(str(problem['loc'][-1]), names)}")
        elif kind == "union_tag_invalid":
            key = context["discriminator"].strip("'")
            expected = context["expected_tags"].replace(", ", " or ")
            lines.append(f"{here}.{key} must be {expected}, not the string {context['tag']!r}")
        elif kind == "union_tag_not_found":
            lines.append(f"{here}.{context['discriminator'].strip(chr(39))} is missing")
        elif kind == "missing":
            lines.append(f"{here} is missing")
        elif kind == "value_error":
            lines.append(f"{here}: {context['error']}")
        elif kind in EXPECTED:
            expected = EXPECTED[kind].format_map(context)
            lines.append(f"{here} must be {expected}, not {show(problem['input'])}")
        else:
            lines.append(f"{here}: {problem['msg']}, not {show(problem['input'])}")
    return lines


def suggest(name: str, known: Iterable[str]) -> str:
    """Hint at the closest known name, or at all of them; starts with a semicolon."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names else ""


def dotted(location: Location) -> str:
    """Join a path: ``a.b[2]``."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.lstrip(".")


def show(value: Any) -> str:
    """Name a value as it stands in YAML, shortened."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"the string {value[:60]!r}"
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, (list, tuple)):
        return "a list"
    return json.dumps(value, default=str)[:60]


def _walk(root: Any, location: Location) -> tuple[list[str | int], Any]:
    """Find a location's steps as they stand in the file, and the type of the last section.

    Where a section is one of several types, pydantic's location has the tag that chose one
    among its steps; the file has not.
    """
    steps: list[str | int] = []
    kind = section = root
    for step in location:
        tagged = _tagged(kind)
        if tagged:
            kind = tagged.get(str(step))
            continue
        steps.append(step)
        section = kind
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            kind = get_type_hints(kind, include_extras=True).get(str(step))
        elif get_origin(kind) in (dict, tuple):
            kind = get_args(kind)[-1 if get_origin(kind) is dict else 0]
        if isinstance(kind, types.UnionType):
            kind = next(arm for arm in get_args(kind) if arm is not type(None))
    return steps, section


def _tagged(kind: Any) -> dict[str, Any]:
    """Arms of a union that a field of theirs tells apart, by that field's value."""
    if get_origin(kind) is not Annotated:
        return {}
    union, *notes = get_args(kind)
    keys = [note.discriminator for note in notes if getattr(note, "discriminator", None)]
    return {
        value: arm
        for key in keys
        for arm in get_args(union)
        for value in get_args(get_type_hints(arm)[key])
    }


def _fields(kind: Any) -> list[str]:
    return (
        [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    )
