"""A tiny pipeline in a git and DVC repository of its own, to try the running of stages on.

    source -> part@1, part@2 -> join -> score (not cached)
    other

Every stage notes in a file outside of the repository when it begins and ends.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent.parent

WORK = """
import json, os, pathlib, sys, time

stage, *paths = sys.argv[1:]


def note(what):
    line = json.dumps({"stage": stage, "what": what, "time": time.time(), "pid": os.getpid(),
                       "folder": os.getcwd(), "omp": os.environ.get("OMP_NUM_THREADS"),
                       "trim": os.environ.get("MALLOC_TRIM_THRESHOLD_")})
    with open(os.environ["TRACE"], "a") as stream:
        stream.write(line + "\\n")


note("begin")
print(f"{stage} at work")
slow = pathlib.Path(os.environ["TRACE"]).with_name("slow-" + stage)
end = time.time() + 60
while slow.exists() and time.time() < end:
    time.sleep(0.05)
if pathlib.Path(os.environ["TRACE"]).with_name("fail-" + stage).exists():
    sys.exit(f"{stage} cannot go on")
sources = [path for path in paths if not path.startswith(">")]
text = stage + "".join(
    file.read_text()
    for path in map(pathlib.Path, sources)
    for file in (sorted(path.iterdir()) if path.is_dir() else [path])
)
for path in paths:
    if path.startswith(">"):
        target = pathlib.Path(path[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"length": len(text)}) if target.suffix == ".json" else text)
note("end")
"""

PIPELINE = """
stages:
  join:
    cmd: python work.py join parts '>join.txt'
    deps: [parts]
    outs: [join.txt]
  other:
    cmd: python work.py other '>out/other.txt'
    deps: [work.py]
    outs: [out/other.txt]
  source:
    cmd: python work.py source word.txt '>source.txt'
    deps: [word.txt]
    outs: [source.txt]
  part:
    matrix:
      i: ${parts}
    cmd: python work.py part@${item.i} source.txt '>parts/${item.i}.txt'
    deps: [source.txt]
    outs: ["parts/${item.i}.txt"]
  score:
    cmd: python work.py score join.txt '>score.json'
    deps: [join.txt]
    metrics:
      - score.json:
          cache: false
"""

PARAMS: dict[str, Any] = {
    "parts": [1, 2],
    "runtime": {"device": "auto", "precision": "auto", "threads": 1, "memory_gb": 1.0},
    "repro": {"threads": {"source": 0}, "memory_gb": {"default": 0.1}, "gpu": []},
}

STAGES = ["source", "part@1", "part@2", "join", "other", "score"]


@dataclass(frozen=True)
class Project:
    """A repository with the tiny pipeline."""

    root: Path
    trace_file: Path

    @property
    def variables(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DVC_", "GIT_", "DASK_", "MALLOC_"))
            and not name.endswith("_THREADS")
        }
        who = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))
        }
        return kept | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "TRACE": str(self.trace_file),
            "DVC_NO_ANALYTICS": "1",
            **who,
        }

    def run(self, *command: str, status: int = 0) -> str:
        """Run a command; its output, or a failure that shows it."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def commit(self) -> None:
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "--message", "Work")

    def repro(self, *arguments: str, status: int = 0) -> str:
        return self.run(sys.executable, "-m", "earwitness", "repro", *arguments, status=status)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Begin a `repro` without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "earwitness", "repro", *arguments],
            cwd=self.root,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def trace(self) -> list[dict[str, Any]]:
        """What stages have noted, oldest first."""
        if not self.trace_file.exists():
            return []
        return [json.loads(line) for line in self.trace_file.read_text().splitlines()]

    def begun(self) -> list[str]:
        return [note["stage"] for note in self.trace() if note["what"] == "begin"]

    def wait_for(self, stage: str, after: int = 0) -> dict[str, Any]:
        """Wait until a stage has begun, later than the first `after` notes of the trace."""

        def notes() -> list[dict[str, Any]]:
            return [note for note in self.trace()[after:] if note["stage"] == stage]

        wait_until(lambda: bool(notes()))
        return notes()[0]

    def slow(self, stage: str) -> Path:
        """Let a stage last until the file is removed."""
        path = self.trace_file.with_name(f"slow-{stage}")
        path.touch()
        return path

    def fail(self, stage: str) -> Path:
        """Let a stage fail."""
        path = self.trace_file.with_name(f"fail-{stage}")
        path.touch()
        return path

    def write_params(self, **changes: Any) -> None:
        with (self.root / "params.yaml").open("w") as stream:
            YAML(typ="safe").dump({**PARAMS, **changes}, stream)

    def files(self) -> dict[str, str]:
        """Everything but git's and DVC's own, and logs."""
        paths = [path.relative_to(self.root) for path in sorted(self.root.rglob("*"))]
        return {
            path.as_posix(): (self.root / path).read_text()
            for path in paths
            if (self.root / path).is_file() and not {".git", ".dvc", "logs"} & set(path.parts)
        }


def make_project(folder: Path) -> Project:
    """Write the tiny pipeline into a new repository below `folder`, and commit it."""
    project = Project(folder / "project", folder / "trace")
    project.root.mkdir(parents=True)
    (project.root / "work.py").write_text(WORK)
    (project.root / "word.txt").write_text("one")
    (project.root / "dvc.yaml").write_text(PIPELINE)
    (project.root / ".gitignore").write_text("/logs/\n/parts/\n/out/\n/source.txt\n/join.txt\n")
    project.write_params()
    project.run("git", "init", "--quiet")
    project.dvc("init", "--quiet")
    project.commit()
    return project


def copy_project(project: Project, folder: Path) -> Project:
    """Copy a repository with everything in it; the copy has a trace of its own."""
    copy = Project(folder / project.root.name, folder / "trace")
    shutil.copytree(project.root, copy.root, symlinks=True)
    return copy


def wait_until(condition: Callable[[], bool], seconds: float = 200.0) -> None:
    """Wait for something to be true; fail if it does not become so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain"
        time.sleep(0.05)


def gone(pid: int, seconds: float = 20.0) -> bool:
    """Wait until a process has ended; say whether it has."""

    def ended() -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    wait_until(ended, seconds)
    return True
