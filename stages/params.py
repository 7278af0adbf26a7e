"""params.yaml, read with types.

The whole file is checked at every start, whichever part a stage reads: a mistake in the last
stage's section is reported before the first stage runs. ``python -m stages.params`` does
nothing but that.
"""

import dataclasses
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from earwitness.errors import EarwitnessError

T = TypeVar("T")

# Loaded by name at run time: with an import statement, every stage would depend on the schema
# of every section, and a new knob for one network would retrain all of them. What a section
# means to a stage is in the section's own module, which the stage does import.
SCHEMA = "stages.schema"


class ParamsFile:
    """Typed parameters of one file.

    Parameters
    ----------
    path : Path
        The file, for messages.
    root : dataclass
        Its content.
    """

    def __init__(self, path: Path, root: Any) -> None:
        self._path = path
        self._root = root

    def get(self, key: str, kind: type[T]) -> T:
        """Look up a section or a value.

        Parameters
        ----------
        key : str
            Path of the key, e.g. ``train.spec_cnn``.
        kind : type
            The type it has: int, float, str, bool, tuple or a dataclass of
            `earwitness.schema`.

        Returns
        -------
        object of type `kind`
            The value.

        Raises
        ------
        EarwitnessError
            If the file has no such key.
        TypeError
            If the value is of another type: a mistake in the code, not in the file.
        """
        value = self._root
        steps = key.split(".")
        for depth, step in enumerate(steps):
            inside = _inside(value)
            if step not in inside:
                above = ".".join(steps[:depth]) or "the file"
                known = ", ".join(inside) or "no keys"
                raise EarwitnessError(f"{self._path} has no {key}: {above} has {known}")
            value = inside[step]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{key} is of type {type(value).__name__}, not {kind.__name__}")
        return value


def open_params(path: str | Path = "params.yaml") -> ParamsFile:
    """Read and check a parameter file.

    Parameters
    ----------
    path : str or Path
        YAML 1.2, as DVC reads it.

    Returns
    -------
    ParamsFile
        The parameters.

    Raises
    ------
    EarwitnessError
        If the file cannot be read, or anything in it is unknown, missing, of the wrong type
        or out of range; the message lists everything that is.
    """
    return ParamsFile(Path(path), import_module(SCHEMA).load(Path(path)))


def _inside(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {}


if __name__ == "__main__":
    try:
        open_params()
    except EarwitnessError as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
    print("params.yaml is valid")
