"""Disk, memory and time are told, and said to be short where they are."""

from pathlib import Path

import psutil
import pytest

from earwitness.checkup import work
from earwitness.checkup.finding import render
from earwitness.checkup.work import Work, available_memory, check_disk, check_memory, describe_time

HUGE = 10**18


def a_work(stage: str = "train@net", **changes: object) -> Work:
    facts = {"runs": 5, "seconds": 600.0, "disk": 10**6, "memory": 10**6, "out": Path("none")}
    return Work(stage, **(facts | changes))  # type: ignore[arg-type]


def test_what_fits_fits(tmp_path: Path) -> None:
    works = [a_work(), a_work("trunk@bone", disk=4 * 10**6)]
    assert check_disk(works, tmp_path).level == "ok"
    assert check_memory(works).level == "ok"


def test_the_largest_stage_is_named_when_the_disk_is_too_small(tmp_path: Path) -> None:
    finding = check_disk([a_work(), a_work("trunk@bone", disk=HUGE)], tmp_path)
    assert finding.level == "problem"
    assert "trunk@bone" in finding.text


def test_what_is_written_already_needs_no_room(tmp_path: Path) -> None:
    assert check_disk([a_work(disk=HUGE, out=tmp_path)], tmp_path).level == "ok"


def test_too_little_memory_is_told() -> None:
    finding = check_memory([a_work(), a_work("finetune@bone", memory=HUGE)])
    assert finding.level == "problem"
    assert "finetune@bone" in finding.text


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "CGROUP", tmp_path)
    whole = psutil.virtual_memory().total
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory() > 10**7
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    (tmp_path / "memory.stat").write_text("anon 3500000\ninactive_file 500000\n")
    assert available_memory() == 1_500_000
    (tmp_path / "memory.max").write_text(f"{whole * 2}\n")
    assert available_memory() <= whole


def test_time_is_the_sum_with_the_longest_stages_first() -> None:
    works = [a_work(seconds=60), a_work("finetune@bone", seconds=1200, runs=10)]
    text = describe_time(works, start_seconds=6.0).text
    assert "about 22 min for data and models" in text
    assert text.index("finetune@bone 21 min") < text.index("train@net 2 min")
    assert "2.0 h" in describe_time([a_work(seconds=7200)], 0).text


def test_a_line_each() -> None:
    findings = [describe_time([a_work()], 0), check_memory([a_work(memory=HUGE)])]
    lines = render(findings).splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "problem"]
