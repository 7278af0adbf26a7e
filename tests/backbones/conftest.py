from collections.abc import Callable
from pathlib import Path

import pytest

from earwitness.backbones.base import Backbone
from earwitness.backbones.weights import load_backbone


@pytest.fixture(scope="session")
def yamnet_weights(convert_published: Callable[[str], Path]) -> Path:
    return convert_published("yamnet")


@pytest.fixture
def yamnet(yamnet_weights: Path) -> Backbone:
    return load_backbone("yamnet", yamnet_weights)


@pytest.fixture(scope="session")
def mn04_weights(convert_published: Callable[[str], Path]) -> Path:
    return convert_published("mn04")


@pytest.fixture
def mn04(mn04_weights: Path) -> Backbone:
    return load_backbone("mn04", mn04_weights)


@pytest.fixture(scope="session")
def aisfx_weights(convert_published: Callable[[str], Path]) -> Path:
    return convert_published("aisfx")


@pytest.fixture
def aisfx(aisfx_weights: Path) -> Backbone:
    return load_backbone("aisfx", aisfx_weights)
