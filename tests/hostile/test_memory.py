"""What is large is refused before it is in memory, and what is allowed stays within bounds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no peak memory of a process on this system"
)

# Not getrusage: what it says of a new process begins with the memory of the one that started it.
MEASURE = """
import re, sys
from pathlib import Path
from earwitness.audio.dataset import Clip
from earwitness.audio.prepare import prepare
from earwitness.errors import EarwitnessError
from earwitness.schema.prepare import PrepareParams

def peak():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024

out, *paths = map(Path, sys.argv[1:])
clips = [Clip(p.name, 1, 0, "a", "s", "A", p.parent, p.name) for p in paths]
before = peak()
try:
    prepare(clips, [16000], PrepareParams(1.0, "HQ"), out, out / "m.csv", "fail", 1)
except EarwitnessError as error:
    print(error, file=sys.stderr)
print(peak() - before)
"""


def grown_mib(out: Path, *paths: Path) -> float:
    """How much more memory a process takes at its peak that prepares these files."""
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, out, *paths],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return float(run.stdout)


def test_what_is_too_much_is_refused_before_it_is_in_memory(
    corpus_folder: Path, tmp_path: Path
) -> None:
    names = ("hours.flac", "bomb.flac", "sparse.wav", "device.wav", "pipe.wav", "claims-weeks.flac")
    assert grown_mib(tmp_path, *(corpus_folder / name for name in names)) < 20


def test_the_longest_file_allowed_stays_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "longest.wav"
    sf.write(path, np.zeros((25_000_000, 2), np.int16), 44_100)
    assert grown_mib(tmp_path / "out", path) < 700
