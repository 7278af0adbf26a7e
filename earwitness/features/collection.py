"""Features of a whole collection of clips."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from earwitness.errors import EarwitnessError
from earwitness.features.pcen import find_backend
from earwitness.features.spectrogram import SpectrogramFrontEnd
from earwitness.schema.features import FeatureParams
from earwitness.store.arrays import ArrayReader, ArrayWriter


def compute_features(audio: Path, params: FeatureParams, out: Path) -> None:
    """Compute the features of every stored clip, one clip in memory at a time.

    Parameters
    ----------
    audio : Path
        Store with ``clips`` (N, samples) at ``params.sample_rate``.
    params : FeatureParams
        The front end's constants.
    out : Path
        Store to write: ``features`` (N, 2, n_mels, frames), channel 0 log-mel in dB,
        channel 1 PCEN.

    Raises
    ------
    EarwitnessError
        If the clips are not stored at the rate the features need, or are shorter than one
        analysis window.
    """
    if not audio.exists():
        raise EarwitnessError(
            f"{audio} is missing: features.sample_rate {params.sample_rate} is not a rate that "
            "`prepare` stores; use 16000 or that of a configured backbone"
        )
    front_end = SpectrogramFrontEnd(params)
    with ArrayReader(audio) as clips:
        count, samples = clips.shape("clips")
        if samples < params.n_fft:
            raise EarwitnessError(
                f"clips of {samples} samples are shorter than features.n_fft {params.n_fft}: "
                "raise prepare.seconds or lower features.n_fft"
            )
        shape = (count, 2, params.n_mels, front_end.frames(samples))
        layout = {"features": (shape, params.dtype)}
        attrs = {"pcen_backend": find_backend()}
        with ArrayWriter(out, layout, attrs, clip_axis=0) as writer:
            for row in tqdm(range(count), desc="features", unit="clip", disable=None):
                clip = clips.read("clips", np.array([row]))[0]
                writer.write("features", row, front_end(clip))
