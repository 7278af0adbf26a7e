from pathlib import Path

import pytest

from earwitness.backbones.base import Backbone
from earwitness.backbones.obtain import convert, write_weights
from earwitness.backbones.registry import get_record
from earwitness.backbones.weights import load_backbone


@pytest.fixture(scope="session")
def yamnet_weights(yamnet_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = get_record("yamnet")
    target = tmp_path_factory.mktemp("pretrained") / "yamnet.safetensors"
    write_weights(record, *convert(record, yamnet_wheel), target)
    return target


@pytest.fixture
def yamnet(yamnet_weights: Path) -> Backbone:
    return load_backbone("yamnet", yamnet_weights)
