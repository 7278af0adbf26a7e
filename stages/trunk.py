"""Stage ``trunk``: run the frozen part of a backbone once over several views of each clip."""

import dataclasses
from pathlib import Path

from earwitness.backbones.registry import get_record
from earwitness.backbones.trunk import build_trunk
from earwitness.backbones.weights import load_backbone
from earwitness.schema.runtime import RuntimeParams
from earwitness.schema.trunk import TrunkParams
from earwitness.store.arrays import ArrayReader
from earwitness.training.runtime import choose_runtime
from stages.params import ParamsFile


def main(params: ParamsFile, backbone: str) -> None:
    """Write data/trunk/<backbone>.h5."""
    own = params.get(f"finetune.{backbone}.unfreeze_last_n", int | None)
    unfrozen = params.get("model.unfreeze_last_n", int) if own is None else own
    section = params.get("trunk", TrunkParams)
    if not unfrozen:  # then nothing but the baseline reads the views
        used = min(section.views, params.get(f"finetune.{backbone}.baseline_views", int))
        section = dataclasses.replace(section, views=used)
    runtime = choose_runtime(params.get("runtime", RuntimeParams))
    rate = get_record(backbone).sample_rate
    with ArrayReader(Path(f"data/prepared/audio_{rate}.h5")) as clips:
        build_trunk(
            load_backbone(backbone, Path(f"models/pretrained/{backbone}.safetensors")),
            clips,
            unfrozen,
            section,
            params.get("seed", int),
            Path(f"data/trunk/{backbone}.h5"),
            runtime.device,
        )
