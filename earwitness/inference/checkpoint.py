"""A trained member on disk: safetensors and one JSON file, nothing pickled."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from safetensors.torch import load_file, save
from torch import Tensor

from earwitness.errors import EarwitnessError
from earwitness.store.atomic import atomic_directory, open_csv, write_json

CONFIG = "config.json"
# Tensors of a refitted model as they were before: those that validation judged.
JUDGED = "judged"


def write_checkpoint(
    directory: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, Mapping[str, Tensor]],
    curves: Sequence[Mapping[str, float]],
) -> None:
    """Write a member's folder, all of it or nothing.

    Parameters
    ----------
    directory : Path
        Target folder.
    config : mapping
        What `load_member` needs to build the model; JSON-serialisable.
    tensors : mapping of str to mapping of str to Tensor
        State dictionaries by file stem. Those that are the same in every fold belong in a
        file of their own: DVC's cache then holds them once.
    curves : sequence of mappings
        One row an epoch.
    """
    columns = ["epoch", "lr", "train_loss", "validation_loss", "validation_top1"]
    with atomic_directory(directory) as partial:
        write_json(partial / CONFIG, config)
        with open_csv(partial / "curves.csv", columns) as write_row:
            for row in curves:
                write_row(row[column] for column in columns)
        for stem, state in tensors.items():
            # No metadata: several keys of it are written in random order. Through memory:
            # safetensors' own writer does not say in a form to act on that a disk is full.
            packed = save({k: v.detach().cpu().contiguous() for k, v in state.items()})
            (partial / f"{stem}.safetensors").write_bytes(packed)


def read_checkpoint(
    directory: Path, *, judged: bool = False
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a member's folder.

    Parameters
    ----------
    directory : Path
        Written by `write_checkpoint`.
    judged : bool
        Whether to read a refitted model as it was before, when validation judged it.

    Returns
    -------
    config : dict
        The content of config.json.
    state : dict of str to Tensor
        All tensors.

    Raises
    ------
    EarwitnessError
        If the folder does not hold a trained member.
    """
    try:
        config: dict[str, Any] = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EarwitnessError(
            f"{directory} does not hold a trained model ({CONFIG} cannot be read): "
            "train it with `dvc repro`, or name another folder"
        ) from error
    state: dict[str, Tensor] = {}
    for path in sorted(directory.glob("*.safetensors")):
        if path.stem != JUDGED:
            state |= load_file(path)
    before = directory / f"{JUDGED}.safetensors"
    if judged and before.is_file():
        state |= load_file(before)
    return config, state


def typed(schema: Any, content: Any) -> Any:
    """Turn JSON content back into a parameter dataclass.

    Parameters
    ----------
    schema : type or union of types
        A dataclass of `earwitness.schema`.
    content : object
        What its fields became in JSON.

    Returns
    -------
    object
        An instance of `schema`.
    """
    return TypeAdapter(schema).validate_json(json.dumps(content))
