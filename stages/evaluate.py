"""Stage ``evaluate``: metrics, tables and plots of the test folds."""

import json
from pathlib import Path

from earwitness.evaluation import tables
from earwitness.evaluation.environment import describe_environment
from earwitness.evaluation.groups import groups_table
from earwitness.evaluation.reliability import reliability_table
from earwitness.evaluation.scores import HeldOutScores, read_scores
from earwitness.evaluation.summary import summarise
from earwitness.fold import read_manifest
from earwitness.labels import ClassEntry, class_indices
from earwitness.plots.confusion import plot_confusion
from earwitness.plots.curves import plot_curves
from earwitness.plots.folds import plot_folds
from earwitness.plots.per_class import plot_per_class
from earwitness.schema.evaluate import EvaluateParams
from earwitness.store.atomic import write_csv, write_json
from stages.params import ParamsFile
from stages.revision import code_revision

METRICS, PLOTS = Path("metrics"), Path("plots")


def main(params: ParamsFile) -> None:
    """Write metrics/summary.json, metrics/environment.json, metrics/cv/ and plots/."""
    members, folds = params.get("members", tuple), params.get("folds", tuple)
    manifest = read_manifest(Path("data/manifest.csv"))
    classes = json.loads(Path("data/splits.json").read_text(encoding="utf-8"))["classes"]
    targets = class_indices(manifest, classes)
    scores = read_scores(
        Path("data/ensemble.h5"), Path("data/predictions"), members, folds, targets
    )
    bins = params.get("evaluate", EvaluateParams).ece_bins
    ensemble = json.loads(Path("models/ensemble.json").read_text(encoding="utf-8"))
    weights = tables.weights_table(ensemble, folds)
    summary = summarise(
        scores,
        weights,
        dataset=params.get("data.name", str),
        clips=len(manifest),
        ece_bins=bins,
        sources=manifest["src_file"].to_numpy(dtype=str),
    )
    write_json(METRICS / "summary.json", summary)
    # Here and nowhere upstream: a commit hash in an earlier output would run all that follows it.
    environment = describe_environment(Path("models/members"), members, folds)
    write_json(METRICS / "environment.json", environment | {"git": code_revision(Path())})
    for member in members:
        write_csv(METRICS / "cv" / f"{member}.csv", tables.cv_table(summary, member))
    folds_table = tables.folds_table(summary, members)
    write_csv(PLOTS / "folds.csv", folds_table)
    plot_folds(folds_table, PLOTS / "folds.png")
    curves = tables.curves_table(Path("models/members"), members, folds)
    write_csv(PLOTS / "curves.csv", curves)
    plot_curves(curves, PLOTS / "curves.png")
    filenames = manifest["filename"].tolist()
    write_csv(PLOTS / "predictions.csv", tables.predictions_table(scores, filenames, classes))
    write_csv(PLOTS / "weights.csv", weights)
    write_csv(PLOTS / "reliability.csv", reliability_table(scores, bins))
    _classes(scores, classes)


def _classes(scores: HeldOutScores, classes: list[ClassEntry]) -> None:
    confusion = tables.confusion_table(scores, classes)
    write_csv(PLOTS / "confusion.csv", confusion)
    categories = [entry["category"] for entry in classes]
    plot_confusion(confusion, categories, PLOTS / "confusion.png")
    write_csv(PLOTS / "groups.csv", groups_table(scores, classes))
    per_class = tables.per_class_table(scores, classes)
    write_csv(PLOTS / "per_class.csv", per_class)
    plot_per_class(per_class, PLOTS / "per_class.png")
