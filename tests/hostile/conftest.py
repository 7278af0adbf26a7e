"""The corpus on disk, members to classify it with, and a user who may not read everything."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.hostile import corpus
from tests.trained import finetune_params, train_backbone, train_network_member

NOBODY = 65534

AsNobody = Callable[[], AbstractContextManager[None]]


@contextmanager
def _nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(scope="session")
def as_nobody() -> AsNobody:
    """Do without the rights of root, who may read any file, where the tests run as root."""
    return _nobody if os.geteuid() == 0 else nullcontext


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter and write to, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture(scope="session")
def corpus_folder(open_folder: Path) -> Path:
    return corpus.build(open_folder / "corpus")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of a network and a backbone, one fold."""
    root = tmp_path_factory.mktemp("models")
    train_network_member(root / "members" / "spec_cnn" / "fold1")
    train_backbone(root / "members" / "yamnet" / "fold1", 1, finetune_params())
    names = ["spec_cnn", "yamnet"]
    fitted = {"weights": dict.fromkeys(names, 0.5), "temperatures": dict.fromkeys(names, 1.0)}
    fold = fitted | {"tta_shifts_seconds": [0.0, 0.1]}
    content = {"members": names, "folds": {"1": fold}}
    (root / "ensemble.json").write_text(json.dumps(content))
    return root
