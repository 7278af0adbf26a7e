"""Folders of trained members."""

from pathlib import Path

import pytest

from tests.trained import finetune_params, train_backbone, train_network_member


@pytest.fixture
def network_folder(tmp_path: Path) -> Path:
    return train_network_member(tmp_path / "members" / "spec_cnn" / "fold1")


@pytest.fixture
def backbone_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "members" / "yamnet" / "fold1"
    train_backbone(folder, 2, finetune_params())
    return folder
