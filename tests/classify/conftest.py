"""Models and sounds to classify."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from earwitness.__main__ import main
from tests.trained import train_ensemble

Predict = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_ensemble(tmp_path_factory.mktemp("models"))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Files of other rates, channels and lengths than the models were trained on, all short."""
    folder = tmp_path / "sounds"
    (folder / "inner").mkdir(parents=True)
    rng = np.random.default_rng(0)
    sf.write(folder / "a.wav", rng.normal(0, 0.1, 22050), 22050)
    sf.write(folder / "inner" / "b.flac", rng.normal(0, 0.1, (50000, 2)), 48000)
    sf.write(folder / "inner" / "c.ogg", rng.normal(0, 0.1, 4000), 16000)
    (folder / "notes.txt").write_text("not audio")
    return folder


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    """Three and a half windows."""
    path = tmp_path / "long.flac"
    sf.write(path, np.random.default_rng(1).normal(0, 0.1, 56000), 16000)
    return path


@pytest.fixture
def predict(models: Path, capsys: pytest.CaptureFixture[str]) -> Predict:
    """Runs the command with the models, and gives its status, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        words = ["predict", *map(str, arguments)]
        if "--model" not in words:
            words += ["--model", str(models)]
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
