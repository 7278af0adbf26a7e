import re
from pathlib import Path
from typing import Any

import pytest

from earwitness.errors import EarwitnessError
from earwitness.repro.demand import Offer, Settings, read_settings, visible_gpus
from earwitness.schema.repro import ReproParams
from earwitness.schema.runtime import RuntimeParams

LAPTOP = Offer(cores=4, memory_gb=8.0, gpus=0)
SERVER = Offer(cores=16, memory_gb=64.0, gpus=2)
DESKTOP = Offer(cores=8, memory_gb=32.0, gpus=1)


def settings(device: str = "auto", threads: int = 1) -> Settings:
    return Settings(
        RuntimeParams(device=device, precision="auto", threads=threads, memory_gb=4.0),
        ReproParams(
            threads={"prepare": 0, "fetch": 2},
            memory_gb={"default": 2.5, "trunk": 12.0},
            gpu=("train",),
        ),
    )


@pytest.mark.parametrize(
    ("stage", "offers", "expected"),
    [
        ("predict@net-1", [LAPTOP], Offer(1, 2.5, 0)),
        ("fetch", [LAPTOP], Offer(2, 2.5, 0)),
        ("prepare", [LAPTOP], Offer(4, 2.5, 0)),
        # All cores of the largest machine: on a smaller one it could share them.
        ("prepare", [LAPTOP, SERVER], Offer(16, 2.5, 0)),
        # More than any machine has: by itself on the largest.
        ("trunk@net", [LAPTOP], Offer(1, 8.0, 0)),
        ("trunk@net", [LAPTOP, SERVER], Offer(1, 12.0, 0)),
        # Where there is room for it, however many cores another has.
        ("trunk@net", [DESKTOP, Offer(32, 8.0, 0)], Offer(1, 12.0, 0)),
        ("train@net-1", [LAPTOP], Offer(1, 2.5, 0)),
        ("train@net-1", [LAPTOP, SERVER], Offer(1, 2.5, 1)),
    ],
)
def test_demand(stage: str, offers: list[Offer], expected: Offer) -> None:
    assert settings().demand(stage, offers) == expected


def test_threads_of_the_runtime_are_those_of_a_stage() -> None:
    assert settings(threads=3).demand("train@net-1", [LAPTOP]).cores == 3
    assert settings(threads=9).demand("train@net-1", [LAPTOP]).cores == 4
    assert settings(threads=0).demand("train@net-1", [LAPTOP]).cores == 4


def test_gpus_follow_the_device() -> None:
    assert settings("cpu").demand("train@net-1", [SERVER]).gpus == 0
    assert settings("cuda").demand("train@net-1", [SERVER]).gpus == 1
    # cuda:1 is one of those that the stage sees: it must see them all.
    assert settings("cuda:1").demand("train@net-1", [SERVER]).gpus == 2
    # What a stage takes on a GPU, a machine with one has: not the cores of another.
    big = Offer(cores=64, memory_gb=8.0, gpus=0)
    assert settings(threads=0).demand("train@net-1", [big, DESKTOP]) == Offer(8, 2.5, 1)


@pytest.mark.parametrize(
    ("value", "expected"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-5f", ["GPU-5f"])]
)
def test_gpus_are_those_that_cuda_may_show(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == expected


RUNTIME = "runtime: {device: auto, precision: auto, threads: 1, memory_gb: 4.0}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RUNTIME, "params.yaml has no section repro"),
        (
            RUNTIME + "repro: {threads: {}, memory_gb: {}, gpu: []}",
            "repro: memory_gb needs the key",
        ),
        (
            RUNTIME + "repro: {threads: {a: -1}, memory_gb: {default: 1}, gpu: []}",
            "repro.threads.a",
        ),
        (RUNTIME + "repro: {threads: {}, memory_gb: {default: 1}}", "repro.gpu is missing"),
    ],
)
def test_mistakes_in_params(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(EarwitnessError, match=re.escape(message)):
        read_settings(tmp_path)


def test_a_folder_without_pipeline(tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match="does not exist: run this in the folder"):
        read_settings(tmp_path)


def test_the_shipped_sections_can_be_read() -> None:
    root: Any = Path(__file__).resolve().parent.parent.parent
    assert read_settings(root) == read_settings(root / "demo")
