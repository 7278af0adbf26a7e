"""Stage ``predict``: a member's logits on one fold's validation and test clips."""

from pathlib import Path

from earwitness.fold import read_fold
from earwitness.inference.member import load_member
from earwitness.inference.prediction import predict_fold
from earwitness.schema.predict import PredictParams
from earwitness.schema.runtime import RuntimeParams
from earwitness.store.arrays import ArrayReader
from earwitness.training.runtime import choose_runtime
from stages.params import ParamsFile


def main(params: ParamsFile, member: str, fold: str) -> None:
    """Write data/predictions/<member>/fold<k>.h5."""
    runtime = choose_runtime(params.get("runtime", RuntimeParams))
    folder = Path(f"models/members/{member}/fold{fold}")
    model = load_member(folder, runtime.device)
    part = read_fold(Path("data/splits.json"), Path("data/manifest.csv"), int(fold))
    with ArrayReader(Path(f"data/prepared/audio_{model.sample_rate}.h5")) as clips:
        predict_fold(
            {"validation": load_member(folder, runtime.device, judged=True), "test": model},
            clips,
            {"validation": part.validation, "test": part.test},
            params.get("predict", PredictParams),
            Path(f"data/predictions/{member}/fold{fold}.h5"),
        )
