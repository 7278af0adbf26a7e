"""Pretrained weights: found or downloaded, checked, converted once."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from earwitness.backbones.record import BackboneRecord
from earwitness.backbones.transport import DownloadError, download
from earwitness.backbones.weights import architecture_module, build_backbone, load_state
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
