"""Pretrained weights: found or downloaded, checked, converted once, loaded."""

import hashlib
import importlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from earwitness.backbones.base import Backbone
from earwitness.backbones.registry import BackboneRecord, get_record
from earwitness.backbones.transport import DownloadError, download
from earwitness.errors import EarwitnessError
from earwitness.store.atomic import atomic_path, write_json


def obtain(record: BackboneRecord, folders: Sequence[Path]) -> Path:
    """Find the published file of a backbone in some folders, else download it.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.
    folders : sequence of Path
        Where to look, first match first; they need not exist. A download is kept in the
        last one.

    Returns
    -------
    Path
        The file, whose SHA-256 is the pinned one.

    Raises
    ------
    EarwitnessError
        If a file of that name has another hash, or if no folder has it and it cannot be
        downloaded.
    """
    transport = record.transport
    for folder in folders:
        path = folder / transport.filename
        if path.is_file():
            _check(path, record, f"replace it with the file from {transport.address}")
            return path
    with tempfile.TemporaryDirectory() as scratch:
        try:
            arrived = download(transport, Path(scratch))
        except DownloadError as error:
            raise EarwitnessError(_ways_out(record, folders, str(error))) from error
        _check(arrived, record, "what the network delivers is not what was pinned; do not use it")
        target = folders[-1] / transport.filename
        with atomic_path(target) as partial:
            shutil.copyfile(arrived, partial)
    return target


def _check(path: Path, record: BackboneRecord, advice: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != record.transport.sha256:
        raise EarwitnessError(
            f"{path} is refused as weights of {record.name}: its SHA-256 is {found}, not "
            f"{record.transport.sha256}; {advice}"
        )


def _ways_out(record: BackboneRecord, folders: Sequence[Path], reason: str) -> str:
    transport = record.transport
    return (
        f"no weights for {record.name}: {reason}. Put {transport.filename} (SHA-256 "
        f"{transport.sha256}) from {transport.address} into {folders[-1]} or into the folder "
        f"that EARWITNESS_WEIGHTS names, or leave the member out: take {record.name} out of "
        "model.backbones and members in params.yaml"
    )


def convert(record: BackboneRecord, path: Path) -> tuple[dict[str, Tensor], list[str] | None]:
    """Read the published file as tensors of our architecture.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.
    path : Path
        The file, as `obtain` returns it.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of the backbone, float32.
    labels : list of str or None
        Names of the classes of the backbone's own classifier, if it has one.

    Raises
    ------
    EarwitnessError
        If the file does not hold what is expected.
    """
    tensors, labels = _family(record).convert(record, path)
    _load_state(build_backbone(record.name), tensors, path)
    return tensors, labels


def write_weights(
    record: BackboneRecord,
    tensors: Mapping[str, Tensor],
    labels: list[str] | None,
    target: Path,
) -> None:
    """Write converted weights and what is known about them.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.
    tensors : mapping of str to Tensor
        Its state.
    labels : list of str or None
        Its own classes.
    target : Path
        The .safetensors file; a .json file of the same name is written beside it.
    """
    with atomic_path(target) as partial:
        partial.write_bytes(save({name: tensors[name].contiguous() for name in sorted(tensors)}))
    facts = {
        "name": record.name,
        "source": record.source,
        "licence": record.licence,
        "sha256": record.transport.sha256,
        "labels": labels,
    }
    write_json(target.with_suffix(".json"), facts)


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
    backbone: Backbone = _family(record).build(record)
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
    _load_state(backbone, tensors, weights)
    return backbone


def _load_state(backbone: Backbone, tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        backbone.load_state_dict(dict(tensors))
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise EarwitnessError(
            f"{path} holds other tensors than {backbone.record.name} has ({first[0].strip()})"
        ) from error


def _family(record: BackboneRecord) -> Any:
    return importlib.import_module(f"earwitness.backbones.{record.family}")
