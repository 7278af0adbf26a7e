"""Stage ``features``: what a network reads of every clip."""

from pathlib import Path

from earwitness.features.collection import compute_features
from earwitness.schema.features import FeatureParams, WaveformParams
from stages.params import ParamsFile


def main(params: ParamsFile, network: str) -> None:
    """Write data/features/<network>.h5."""
    features = params.get(f"features.{network}", FeatureParams | WaveformParams)
    audio = Path(f"data/prepared/audio_{features.sample_rate}.h5")
    compute_features(audio, features, Path(f"data/features/{network}.h5"))
