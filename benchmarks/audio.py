"""Real clips to measure with."""

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earwitness.audio.dataset import find_clips
from earwitness.audio.decode import load_clip
from earwitness.store.arrays import ArrayReader, ArrayWriter

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / "demo" / "esc10-mini"
CLIPS = 100

FloatArray = NDArray[np.float32]


def real_clips(count: int = CLIPS) -> tuple[str, tuple[Path, ...]]:
    """Find real clips: those of ``EARWITNESS_DATA``, else those of the demo.

    Parameters
    ----------
    count : int
        How many, at most.

    Returns
    -------
    origin : str
        Where they are from, for a person.
    files : tuple of Path
        Evenly spread over the data set.
    """
    given = os.environ.get("EARWITNESS_DATA")
    clips, _ = find_clips(Path(given) if given else DEMO)
    chosen = [
        clips[i].path
        for i in np.linspace(0, len(clips) - 1, min(count, len(clips))).round().astype(int)
    ]
    kinds = ", ".join(sorted({path.suffix.removeprefix(".") for path in chosen}))
    name = f"of EARWITNESS_DATA ({len(clips)} clips)"
    where = name if given else "that come with the repository (EARWITNESS_DATA names no data set)"
    return f"{len(chosen)} real clips ({kinds}) {where}", tuple(chosen)


def waveforms(files: tuple[Path, ...], count: int, rate: int, seconds: float) -> FloatArray:
    """Decode clips.

    Parameters
    ----------
    files : tuple of Path
        Taken from the first one on, and again if they are too few.
    count : int
        How many.
    rate : int
        In Hz.
    seconds : float
        Length of a clip.

    Returns
    -------
    np.ndarray [shape=(count, samples)]
        As the pipeline prepares them.
    """
    some = [load_clip(path, rate, seconds, "HQ") for path in files[:count]]
    return np.resize(np.stack(some), (count, some[0].size))


class Scratch:
    """A temporary folder that goes when nothing refers to it any more."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="earwitness-bench-")
        self.root = Path(self._folder.name)

    def store(self, clips: FloatArray, rate: int) -> ArrayReader:
        """Store waveforms as stage ``prepare`` does.

        Parameters
        ----------
        clips : np.ndarray [shape=(n, samples)]
            The waveforms.
        rate : int
            Theirs, in Hz.

        Returns
        -------
        ArrayReader
            Of the store.
        """
        path = self.root / f"audio_{rate}.h5"
        with ArrayWriter(
            path, {"clips": (clips.shape, "float32")}, {"sample_rate": rate}
        ) as writer:
            writer.write("clips", slice(None), clips)
        return ArrayReader(path)
