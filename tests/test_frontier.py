"""Minutes against accuracy, as a table and as a plot."""

from pathlib import Path
from typing import Any

from earwitness.evaluation.frontier import COLUMNS, format_frontier, frontier_table
from earwitness.plots.frontier import plot_frontier


def profile(minutes: float, top1: float, *members: str) -> dict[str, Any]:
    folds = {"1": top1 - 0.01, "2": top1 + 0.01}
    tops = {
        "top1": {"mean": top1, "std": 0.01, "folds": folds},
        "top3": {"mean": top1 + 0.02, "std": 0.0},
    }
    facts = {"minutes": minutes, "command": f"make repro MINUTES={minutes:.0f}"}
    return {
        **{member: {"tta": tops} for member in members},
        "ensemble": tops,
        "dataset": {"name": "set"},
        **facts,
    }


PROFILES = {"default": profile(90.4, 0.94, "net", "yamnet"), "quick": profile(8.6, 0.9, "yamnet")}


def test_the_quickest_profile_comes_first() -> None:
    table = frontier_table(PROFILES)
    assert list(table) == list(COLUMNS)
    assert list(table["profile"]) == ["quick", "default"]
    assert list(table["members"]) == ["yamnet", "net, yamnet"]


def test_the_table_says_what_it_took_and_gave() -> None:
    lines = format_frontier(frontier_table(PROFILES)).splitlines()
    assert lines[2] == (
        "| quick | 9 | 2 | 0.900 ± 0.010 | 0.920 | yamnet | `make repro MINUTES=9` |"
    )
    assert len(lines) == 4


def test_no_profile_was_run_yet(tmp_path: Path) -> None:
    assert len(format_frontier(frontier_table({})).splitlines()) == 2
    plot_frontier(frontier_table({}), tmp_path / "frontier.png")
    assert (tmp_path / "frontier.png").is_file()


def test_the_plot_has_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("one.png", "other.png"):
        plot_frontier(frontier_table(PROFILES), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_what_does_not_compare_is_not_drawn(tmp_path: Path) -> None:
    short, alone = profile(2.0, 0.7, "net", "yamnet"), profile(3.0, 0.7, "net")
    del short["ensemble"]["top1"]["folds"]["2"]
    several = {"default": PROFILES["default"], "other": profile(9.0, 0.9, "yamnet", "mn04")}
    alone["ensemble"]["top1"]["folds"]["3"] = 0.7
    every = frontier_table({**several, "short": short, "alone": alone})
    assert list(every["folds"]) == [1, 3, 2, 2]
    plot_frontier(every, tmp_path / "four.png")
    plot_frontier(frontier_table(several), tmp_path / "two.png")
    assert (tmp_path / "four.png").read_bytes() == (tmp_path / "two.png").read_bytes()
