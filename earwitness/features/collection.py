"""Features of a whole collection of clips."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from earwitness.features.pcen import find_backend
from earwitness.features.spectrogram import build_front_end
from earwitness.schema.features import FeatureParams, WaveformParams
from earwitness.store.arrays import ArrayReader, ArrayWriter


def compute_features(audio: Path, params: FeatureParams | WaveformParams, out: Path) -> None:
    """Compute the features of every stored clip, one clip in memory at a time.

    Parameters
    ----------
    audio : Path
        Store with ``clips`` (N, samples) at ``params.sample_rate``.
    params : FeatureParams or WaveformParams
        Section ``features.<network>``.
    out : Path
        Store to write: ``features`` (N, channels, mels, frames).

    Raises
    ------
    EarwitnessError
        If the clips are missing, or shorter than one analysis window.
    """
    front_end = build_front_end(params)
    with ArrayReader(audio) as clips:
        count, samples = clips.shape("clips")
        layout = {"features": ((count, *front_end.shape(samples)), params.dtype)}
        attrs = {"pcen_backend": find_backend()}
        with ArrayWriter(out, layout, attrs, clip_axis=0) as writer:
            for row in tqdm(range(count), desc=out.stem, unit="clip", disable=None):
                clip = clips.read("clips", np.array([row]))[0]
                writer.write("features", row, front_end(clip))
