"""Building backbones and loading their converted weights."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from earwitness.backbones.base import Backbone
from earwitness.backbones.record import BackboneRecord
from earwitness.backbones.registry import get_record
from earwitness.errors import EarwitnessError


def build_backbone(name: str) -> Backbone:
    """Build a backbone at random weights, in evaluation mode.

    Parameters
    ----------
    name : str
        As in the registry.

    Returns
    -------
    Backbone
        The architecture.

    Raises
    ------
    EarwitnessError
        If there is no such backbone.
    """
    record = get_record(name)
    backbone: Backbone = architecture_module(record).build(record)
    return backbone.eval()


def load_backbone(name: str, weights: Path) -> Backbone:
    """Build a backbone and load its converted weights.

    Parameters
    ----------
    name : str
        As in the registry.
    weights : Path
        What `write_weights` wrote.

    Returns
    -------
    Backbone
        In evaluation mode, on the CPU.

    Raises
    ------
    EarwitnessError
        If there is no such backbone, or the file is missing or not this backbone's.
    """
    backbone = build_backbone(name)
    if not weights.is_file():
        raise EarwitnessError(f"{weights} does not exist: run `dvc repro weights`")
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise EarwitnessError(
            f"{weights} is not a readable safetensors file ({error}): run `dvc repro -f weights`"
        ) from error
    load_state(backbone, tensors, weights)
    return backbone


def load_state(backbone: Backbone, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load tensors into a backbone.

    Parameters
    ----------
    backbone : Backbone
        Changed in place.
    tensors : mapping of str to Tensor
        Its state.
    path : Path
        Where the tensors come from, for the message.

    Raises
    ------
    EarwitnessError
        If names or shapes are not the backbone's.
    """
    try:
        backbone.load_state_dict(dict(tensors))
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise EarwitnessError(
            f"{path} holds other tensors than {backbone.record.name} has ({first[0].strip()})"
        ) from error


def architecture_module(record: BackboneRecord) -> Any:
    """Import the module with a backbone's architecture.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.

    Returns
    -------
    module
        With ``build(record)`` and ``convert(record, path)``.
    """
    return import_module(f"earwitness.backbones.{record.module}")
