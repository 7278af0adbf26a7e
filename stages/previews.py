"""Stage ``previews``: what the networks are given, log-mel and PCEN, of a few clips."""

from pathlib import Path

from earwitness.fold import read_manifest
from earwitness.plots.previews import choose_clips, plot_previews
from earwitness.store.arrays import ArrayReader
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write plots/previews.png."""
    manifest = read_manifest(Path("data/manifest.csv"))
    rows = choose_clips(manifest)
    with ArrayReader(Path("data/features.h5")) as reader:
        features = reader.read("features", rows)
    plot_previews(
        features,
        manifest["category"].iloc[rows].tolist(),
        params.get("prepare.seconds", float),
        Path("plots/previews.png"),
    )
