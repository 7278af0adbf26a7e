"""Stage ``ensemble``: fit the ensemble on validation logits and apply it to the test folds."""

import logging
from pathlib import Path

from earwitness.ensembling import fit_folds, write_ensemble
from earwitness.schema.ensemble import EnsembleParams
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write models/ensemble.json and data/ensemble.h5."""
    fitted = fit_folds(
        Path("data/predictions"),
        params.get("members", tuple),
        params.get("folds", tuple),
        (Path("data/splits.json"), Path("data/manifest.csv")),
        params.get("ensemble", EnsembleParams),
    )
    for fold, result in fitted.items():
        weights = ", ".join(f"{name} {weight:.3f}" for name, weight in result.fit.weights.items())
        best = result.choice.best
        logging.info("fold %s: %s, %d shifts: %s", fold, best.method, best.shifts, weights)
    write_ensemble(fitted, Path("models/ensemble.json"), Path("data/ensemble.h5"))
