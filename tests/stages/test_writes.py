"""Whatever a stage leaves has come by a rename, so that nobody meets half of it."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stages.__main__
from tests.workspace import PIPELINE, small_params, write_workspace

STAGES = (
    ("fetch",),
    *PIPELINE,
    ("evaluate",),
    ("previews", "spec_cnn"),
    ("tsne",),
    ("clips",),
    ("report",),
)
# Not outputs, and a line that is cut short does no harm there.
LOGS = "logs"

renamed: set[Path] = set()


def note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "os.rename" and isinstance(arguments[1], (str, os.PathLike)):
        renamed.add(Path(arguments[1]).absolute())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("writes")
    write_workspace(root, small_params(), clips_per_fold_class=4)
    sys.addaudithook(note)  # for good: Python takes no hook away
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EARWITNESS_DATA", raising=False)
        yield root


def inodes(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_ino for path in root.rglob("*") if path.is_file()}


def written_in_place(root: Path, before: dict[Path, int]) -> list[str]:
    """Files that are new since, and were not put where they are by a rename."""
    new = [path for path, inode in inodes(root).items() if before.get(path) != inode]
    assert new
    return [
        path.relative_to(root).as_posix()
        for path in new
        if not {path, *path.parents} & renamed and path.relative_to(root).parts[0] != LOGS
    ]


@pytest.mark.parametrize("stage", STAGES, ids="-".join)
def test_every_file_of_a_stage_was_renamed_into_place(
    workspace: Path, stage: tuple[str, ...]
) -> None:
    before = inodes(workspace)
    with contextlib.chdir(workspace):
        stages.__main__.main(list(stage))
    assert written_in_place(workspace, before) == []


def test_a_file_that_is_written_in_place_is_found(workspace: Path) -> None:
    before = inodes(workspace)
    (workspace / "data" / "direct.json").write_text("{}")
    assert written_in_place(workspace, before) == ["data/direct.json"]
