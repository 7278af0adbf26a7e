"""Real files with random damage: audio that can be used, or one sentence; nothing else.

The default run is short and the same each time. ``make fuzz`` runs 10,000 other cases each time;
the file of the last case is left in the folder that a failure names.
"""

import faulthandler
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness.audio.dataset import Clip
from earwitness.audio.prepare import prepare, store_path
from earwitness.errors import EarwitnessError
from earwitness.features.spectrogram import SpectrogramFrontEnd
from earwitness.fold import read_manifest
from earwitness.store.arrays import ArrayReader
from tests.trained import FEATURES, PREPARED

CASES = int(os.environ.get("EARWITNESS_FUZZ", "300"))
DEFAULT = "EARWITNESS_FUZZ" not in os.environ
SECONDS_A_CASE = 60
CLIPS = Path(__file__).resolve().parents[2] / "demo" / "esc10-mini" / "audio"
FORMS = (
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "GSM610"),
    ("RF64", "PCM_24"),
    ("FLAC", "PCM_16"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_24"),
    ("AU", "ULAW"),
    ("CAF", "ALAC_16"),
)


def excerpts() -> list[bytes]:
    """A real clip whole, and a quarter of a second of others in every format."""
    paths = sorted(CLIPS.glob("*.ogg"))
    files = [min(paths, key=lambda path: path.stat().st_size).read_bytes()]
    for (form, subtype), path in zip(FORMS, paths, strict=False):
        waveform, rate = sf.read(path, frames=12_000)
        stream = io.BytesIO()
        sf.write(stream, waveform, 48_000 if subtype == "OPUS" else rate, subtype, format=form)
        files.append(stream.getvalue())
    return files


@st.composite
def damaged(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """One of the files with some bytes flipped, most of them near its start, and cut short."""
    content = bytearray(draw(st.sampled_from(files)))
    last = len(content) - 1
    places = st.one_of(st.integers(0, min(200, last)), st.integers(0, last))
    flips = draw(st.lists(st.tuples(places, st.integers(1, 255)), max_size=8))
    for place, bits in flips:
        content[place] ^= bits
    if draw(st.booleans()):
        content = content[: draw(st.integers(0, last))]
    return bytes(content)


def check(path: Path, folder: Path, front_end: SpectrogramFrontEnd) -> bool:
    """Prepare the file and look at what came of it; say whether it was accepted."""
    clip = Clip(path.name, 1, 0, "class", "source", "A", path.parent, path.name)
    try:
        prepare([clip], [16000, 44100], PREPARED, folder, folder / "manifest.csv", "fail", 1)
    except EarwitnessError as error:
        assert str(path) in str(error)
        return False
    manifest = read_manifest(folder / "manifest.csv")
    assert np.isfinite(manifest.select_dtypes("number").to_numpy()).all()
    for rate in (16000, 44100):
        with ArrayReader(store_path(folder, rate)) as store:
            waveforms = store.read("clips")
        assert waveforms.shape == (1, rate)
        assert np.isfinite(waveforms).all()
        if rate == FEATURES.sample_rate:
            assert np.isfinite(front_end(waveforms[0]).astype(FEATURES.dtype)).all()
    return True


# Cases that hang are ended by faulthandler, which C code cannot hold up.
@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_damaged_files_are_used_or_refused(tmp_path: Path) -> None:
    front_end = SpectrogramFrontEnd(FEATURES)
    outcomes = {True: 0, False: 0}
    path = tmp_path / "case.bin"

    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=DEFAULT,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=damaged(excerpts()))
    def run(content: bytes) -> None:
        path.write_bytes(content)
        faulthandler.dump_traceback_later(SECONDS_A_CASE, exit=True, file=sys.__stderr__)
        try:
            outcomes[check(path, tmp_path, front_end)] += 1
        finally:
            faulthandler.cancel_dump_traceback_later()

    run()
    print(f"{outcomes[True]} cases accepted, {outcomes[False]} refused")
    # Damage that is always refused, or never, would test half of what it should.
    assert min(outcomes.values()) > CASES / 10
