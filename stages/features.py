"""Stage ``features``: log-mel and PCEN of every clip."""

from pathlib import Path

from earwitness.features.collection import compute_features
from earwitness.schema.features import FeatureParams
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write data/features.h5."""
    features = params.get("features", FeatureParams)
    audio = Path(f"data/prepared/audio_{features.sample_rate}.h5")
    compute_features(audio, features, Path("data/features.h5"))
