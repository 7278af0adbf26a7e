"""Stage ``report``: the page to listen to the clips and to read what the models say of them."""

import json
from pathlib import Path

from earwitness.evaluation.scores import read_scores
from earwitness.fold import read_manifest
from earwitness.labels import class_indices
from earwitness.report.page import render_page
from earwitness.report.payload import build_payload
from earwitness.store.atomic import write_text
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write report/index.html."""
    manifest = read_manifest(Path("data/manifest.csv"))
    classes = json.loads(Path("data/splits.json").read_text(encoding="utf-8"))["classes"]
    scores = read_scores(
        Path("data/ensemble.h5"),
        Path("data/predictions"),
        params.get("members", tuple),
        params.get("folds", tuple),
        class_indices(manifest, classes),
    )
    payload = build_payload(
        scores, manifest["filename"].tolist(), classes, params.get("data.name", str)
    )
    write_text(Path("report/index.html"), render_page(payload))
