"""Stage ``weights``: obtain and convert a backbone's pretrained weights."""

import os
from pathlib import Path

from earwitness.backbones.obtain import (
    convert,
    obtain,
    obtain_class_names,
    pin,
    write_weights,
)
from earwitness.backbones.registry import get_record
from earwitness.schema.weights import WeightsParams
from stages.params import ParamsFile


def main(params: ParamsFile, backbone: str) -> None:
    """Write models/pretrained/<backbone>.safetensors and .json."""
    section = params.get("weights", WeightsParams)
    folders = [Path(section.incoming)]
    if given := os.environ.get("EARWITNESS_WEIGHTS"):
        folders.insert(0, Path(given))
    record = pin(get_record(backbone), section.sha256)
    tensors, labels = convert(record, obtain(record, folders))
    labels = labels or obtain_class_names(record, folders)
    write_weights(record, tensors, labels, Path(f"models/pretrained/{backbone}.safetensors"))
