"""A stage on a full disk: one sentence, an exit status, and the old outputs as they were."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from tests.stages.valid_params import changed
from tests.synthetic import write_dataset

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 50_000  # bytes a file, less than the store needs


def prepare(root: Path, limit: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages", "prepare"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stage_tells_it_and_leaves_what_was_there(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "set", seconds=0.2)
    YAML().dump(changed({"data.root": str(data)}), tmp_path / "params.yaml")
    store = tmp_path / "data" / "prepared" / "audio_16000.h5"
    done = prepare(tmp_path, LIMIT)
    assert done.returncode == 2
    assert done.stderr.startswith("prepare: data/prepared/audio_16000.h5 cannot be written because")
    assert done.stderr.count("\n") == 1
    assert list(store.parent.iterdir()) == []
    assert prepare(tmp_path, resource.RLIM_INFINITY).returncode == 0
    before = store.read_bytes()
    assert prepare(tmp_path, LIMIT).returncode == 2
    assert store.read_bytes() == before
    assert list(store.parent.iterdir()) == [store]
