"""Stage ``prepare``: decode, resample and store every clip at the rates members need."""

import logging
import os
from pathlib import Path

from earwitness.audio.dataset import find_clips
from earwitness.audio.prepare import prepare
from earwitness.backbones.registry import get_record
from earwitness.schema.data import DataParams
from earwitness.schema.prepare import PrepareParams
from stages.params import ParamsFile

# The spectrogram networks and most backbones read 16 kHz; the features stage needs it always.
BASE_RATE = 16000


def main(params: ParamsFile) -> None:
    """Write data/prepared/ and data/manifest.csv."""
    data = params.get("data", DataParams)
    backbones = params.get("model.backbones", tuple)
    rates = sorted({BASE_RATE} | {get_record(name).sample_rate for name in backbones})
    clips, dropped = find_clips(Path(data.root), data.on_missing)
    manifest = prepare(
        clips,
        rates,
        params.get("prepare", PrepareParams),
        Path("data/prepared"),
        Path("data/manifest.csv"),
        data.on_missing,
        os.cpu_count() or 1,
        dropped,
    )
    logging.info("%d clips at %s Hz", len(manifest), ", ".join(map(str, rates)))
