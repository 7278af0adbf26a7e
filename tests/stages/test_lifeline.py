"""A stage ends with its dvc: real processes, and the signal that nobody can catch."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from ruamel.yaml import YAML

from earwitness.store.arrays import ArrayReader, ArrayWriter
from tests.stages.valid_params import VALID

ROOT = Path(__file__).resolve().parents[2]
CLIPS = 80
PROJECT = {
    "stages": {
        "features": {
            "cmd": "python -m stages features spec_cnn",
            "deps": ["data/prepared"],
            "outs": ["data/features/spec_cnn.h5"],
        }
    }
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A DVC project of one stage, which works for a few seconds."""
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / ".dvc" / "config").write_text(
        "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
    )
    YAML().dump(PROJECT, tmp_path / "dvc.yaml")
    YAML().dump(VALID, tmp_path / "params.yaml")
    noise = np.random.default_rng(0).normal(0, 0.1, (CLIPS, 80000)).astype(np.float32)
    store = tmp_path / "data" / "prepared" / "audio_16000.h5"
    with ArrayWriter(store, {"clips": (noise.shape, "float32")}, {"sample_rate": 16000}) as writer:
        writer.write("clips", slice(None), noise)
    return tmp_path


@pytest.fixture
def dvc(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    with start_dvc(project) as process:
        yield process
        process.kill()


def start_dvc(project: Path) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    variables |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "SHELL": "/bin/sh",
    }
    command = [sys.executable, "-m", "dvc", "repro", "--quiet"]
    return subprocess.Popen(command, cwd=project, env=variables)


def partial_files(project: Path) -> list[Path]:
    return list((project / "data").glob(".features.*.partial.h5"))


def writing_stage(dvc: subprocess.Popen[bytes], project: Path) -> psutil.Process:
    """The process of the stage, once it has begun to write."""
    while not partial_files(project):
        assert dvc.poll() is None, "dvc has ended without running the stage"
        time.sleep(0.01)
    return next(
        process
        for process in psutil.Process(dvc.pid).children(recursive=True)
        if process.cmdline()[1:] == ["-m", "stages", "features"]
    )


def test_when_dvc_is_killed_its_stage_ends_and_the_next_dvc_completes(
    dvc: subprocess.Popen[bytes], project: Path
) -> None:
    stage = writing_stage(dvc, project)
    dvc.kill()
    stage.wait(timeout=2)  # raises unless the stage has gone
    dvc.wait()
    out = project / "data" / "features" / "spec_cnn.h5"
    assert not out.exists()
    assert len(partial_files(project)) == 1, "it ended in the middle of its work"
    with start_dvc(project) as again:
        assert again.wait() == 0
    with ArrayReader(out) as reader:
        assert reader.shape("features")[0] == CLIPS
    assert partial_files(project) == [], "what the killed stage left is cleared away"


@pytest.mark.usefixtures("project")
def test_a_stage_without_dvc_needs_none(project: Path) -> None:
    """Started by hand it outlives whoever started it: `nohup python -m stages features &`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f"{sys.executable} -m stages features & echo $!; wait"],
        cwd=project,
        env=variables | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    stage = psutil.Process(int(shell.stdout.readline()))
    shell.kill()
    shell.wait()
    shell.stdout.close()
    stage.wait(timeout=60)
    assert (project / "data" / "features" / "spec_cnn.h5").exists()
