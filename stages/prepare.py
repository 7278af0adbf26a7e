"""Stage ``prepare``: decode, resample and store every clip at the rates members need."""

import logging
import os
from pathlib import Path

from earwitness.audio.dataset import find_clips
from earwitness.audio.prepare import prepare
from earwitness.backbones.registry import get_record
from earwitness.schema.prepare import PrepareParams
from stages.params import ParamsFile

# Always stored, so that members at this rate can be added without decoding anew.
BASE_RATE = 16000


def main(params: ParamsFile) -> None:
    """Write data/prepared/ and data/manifest.csv."""
    on_missing = params.get("data.on_missing", str)
    rates = stored_rates(params)
    # What is missing is told together with what cannot be decoded, once all files were read.
    clips, problems = find_clips(Path(params.get("data.root", str)))
    count = prepare(
        clips,
        rates,
        params.get("prepare", PrepareParams),
        Path("data/prepared"),
        Path("data/manifest.csv"),
        on_missing,
        os.cpu_count() or 1,
        problems,
    )
    logging.info("%d clips at %s Hz", count, ", ".join(map(str, rates)))


def stored_rates(params: ParamsFile) -> list[int]:
    """Sample rates that some member reads, in Hz."""
    features = params.get("features", dict)
    rates = {BASE_RATE}
    rates |= {features[name].sample_rate for name in params.get("model.networks", tuple)}
    rates |= {get_record(name).sample_rate for name in params.get("model.backbones", tuple)}
    return sorted(rates)
