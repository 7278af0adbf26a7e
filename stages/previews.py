"""Stage ``previews``: what a network is given of a few clips."""

from pathlib import Path

from earwitness.fold import read_manifest
from earwitness.plots.previews import choose_clips, plot_previews
from earwitness.schema.features import FeatureParams, WaveformParams
from earwitness.store.arrays import ArrayReader
from stages.params import ParamsFile


def main(params: ParamsFile, network: str) -> None:
    """Write plots/previews/<network>.png."""
    manifest = read_manifest(Path("data/manifest.csv"))
    rows = choose_clips(manifest)
    with ArrayReader(Path(f"data/features/{network}.h5")) as reader:
        features = reader.read("features", rows)
    plot_previews(
        features,
        params.get(f"features.{network}", FeatureParams | WaveformParams).channels,
        manifest["category"].iloc[rows].tolist(),
        params.get("prepare.seconds", float),
        Path(f"plots/previews/{network}.png"),
    )
