"""SIGKILL at any moment of any stage: no half-written output, and the same bits in the end."""

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import torch

from tests.workspace import (
    PIPELINE,
    ROOT,
    digests,
    outputs,
    remove_outputs,
    small_params,
    start,
    write_workspace,
)

EPOCHS = 4
RANDOM_KILLS = 5  # of each stage
KILLED = [stage for stage in PIPELINE if stage[0] not in {"splits", "predict"}]


@dataclass(frozen=True)
class Undisturbed:
    """What the stages write when nobody kills them, and how long they take."""

    root: Path
    files: dict[tuple[str, ...], dict[str, str]]
    seconds: dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    root = tmp_path_factory.mktemp("kills")
    write_workspace(root, small_params(epochs=EPOCHS), clips_per_fold_class=4)
    result = Undisturbed(root, {}, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # for the process that the stages are forked from
        start(root, ("splits",)).join()  # fails, but now that process is there
        for stage in PIPELINE:
            began = time.monotonic()
            run(root, stage)
            result.seconds[stage] = time.monotonic() - began
            result.files[stage] = digests(root, stage)
        yield result


def run(root: Path, stage: tuple[str, ...]) -> None:
    process = start(root, stage)
    process.join()
    assert process.exitcode == 0


def assert_whole_or_absent(undisturbed: Undisturbed, stage: tuple[str, ...]) -> None:
    """An output holds all the bits that it should, or is not there at all."""
    found, expected = digests(undisturbed.root, stage), undisturbed.files[stage]
    assert found.items() <= expected.items()
    for out in outputs(stage):
        if out.name != "prepared":  # a folder of files that are written one by one
            inside = {path for path in expected if Path(path).is_relative_to(out)}
            assert inside & set(found) in (set(), inside)


def epochs_saved(root: Path, stage: tuple[str, ...]) -> int:
    path = root / "models" / ".state" / f"{'-fold'.join(stage[1:])}.pt"
    return len(torch.load(path)["content"]["rows"]) if path.exists() else 0


@pytest.mark.parametrize("stage", KILLED, ids="-".join)
def test_a_stage_killed_at_random_moments(undisturbed: Undisturbed, stage: tuple[str, ...]) -> None:
    root, moments = undisturbed.root, random.Random(str(stage))
    kills = 0
    while kills < RANDOM_KILLS:
        remove_outputs(root, stage)
        process = start(root, stage)
        process.join(moments.uniform(0, undisturbed.seconds[stage]))
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        assert_whole_or_absent(undisturbed, stage)
    remove_outputs(root, stage)
    run(root, stage)
    assert digests(root, stage) == undisturbed.files[stage]
    assert not list(root.rglob("*.partial*")), "what killed processes left is cleared away"


@pytest.mark.parametrize("stage", KILLED, ids="-".join)
def test_a_stage_killed_just_before_each_of_its_files_appears(
    undisturbed: Undisturbed, stage: tuple[str, ...]
) -> None:
    root = undisturbed.root
    epochs = []
    for rename in count(1):
        remove_outputs(root, stage)
        process = start(root, stage, dies_at_rename=rename)
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        assert_whole_or_absent(undisturbed, stage)
        epochs.append(epochs_saved(root, stage))
    assert digests(root, stage) == undisturbed.files[stage]
    if stage[0] in {"train", "finetune"}:
        # The second run saves epoch 1, the third goes on from there to epoch 3, and so on.
        assert epochs == [0, 1, 3, EPOCHS]
    assert epochs_saved(root, stage) == 0
