"""Stage ``export``: the models of one fold as files for other programs."""

import json
from pathlib import Path

from earwitness.errors import EarwitnessError
from earwitness.export.exporting import FittedFold, export_fold
from earwitness.export.parity import Array, pick_clips
from earwitness.fold import read_fold
from earwitness.schema.export import ExportParams
from earwitness.schema.runtime import RuntimeParams
from earwitness.store.arrays import ArrayReader
from earwitness.store.atomic import write_json
from earwitness.training.runtime import choose_runtime
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write exports/ and metrics/exports.json."""
    choose_runtime(params.get("runtime", RuntimeParams))  # for its number of threads
    section = params.get("export", ExportParams)
    fold = params.get("folds", tuple)[0] if section.fold is None else section.fold
    ensemble = Path("models/ensemble.json")
    folds = json.loads(ensemble.read_text(encoding="utf-8"))["folds"]
    if str(fold) not in folds:
        raise EarwitnessError(f"{ensemble} has no fold {fold}: run `dvc repro ensemble`")
    fitted = folds[str(fold)]
    part = read_fold(Path("data/splits.json"), Path("data/manifest.csv"), fold)
    rows = pick_clips(part.test, section.clips)

    def read_clips(rate: int) -> Array:
        with ArrayReader(Path(f"data/prepared/audio_{rate}.h5")) as store:
            return store.read("clips", rows)

    report = export_fold(
        {name: Path(f"models/members/{name}/fold{fold}") for name in params.get("members", tuple)},
        FittedFold(
            fold,
            fitted["weights"],
            fitted["temperatures"],
            tuple(fitted["tta_shifts_seconds"]),
        ),
        read_clips,
        section,
        Path("exports"),
    )
    write_json(Path("metrics/exports.json"), {"fold": fold, **report})
