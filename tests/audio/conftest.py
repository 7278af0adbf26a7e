from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

SaveTone = Callable[..., Path]


@pytest.fixture(scope="session")
def save_tone() -> SaveTone:
    """Write a short tone; the file's format follows from its suffix."""

    def save(
        path: Path,
        *,
        rate: int = 8000,
        seconds: float = 0.25,
        channels: int = 1,
        hertz: float = 440.0,
        **options: Any,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(rate * seconds)) / rate
        tone = 0.5 * np.sin(2 * np.pi * hertz * time)
        sf.write(path, np.stack([tone] * channels, axis=1), rate, **options)
        return path

    return save
