import csv
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from demo.build import Credit, build, choose, credits_page, read_credits
from earwitness.audio.dataset import find_clips
from earwitness.audio.decode import decode
from earwitness.errors import EarwitnessError

DEMO = Path(__file__).parents[1] / "demo" / "esc10-mini"
ESC10 = {
    "dog": 0,
    "rooster": 1,
    "rain": 10,
    "sea_waves": 11,
    "crackling_fire": 12,
    "crying_baby": 20,
    "sneezing": 21,
    "clock_tick": 38,
    "helicopter": 40,
    "chainsaw": 41,
}


def test_two_clips_of_each_class_and_fold() -> None:
    clips, dropped = find_clips(DEMO)
    assert dropped == []
    assert {clip.category: clip.target for clip in clips} == ESC10
    cells = Counter((clip.category, clip.fold) for clip in clips)
    assert set(cells.values()) == {2}
    assert len(cells) == 10 * 5
    assert len({clip.src_file for clip in clips}) == 100


def test_every_clip_decodes_and_the_set_is_small() -> None:
    clips, _ = find_clips(DEMO)
    for clip in clips:
        waveform, rate = decode(clip.path)
        assert 3 < len(waveform) / rate < 6
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 11e6


def test_every_clip_is_credited_under_a_free_licence() -> None:
    clips, _ = find_clips(DEMO)
    lines = (DEMO / "ATTRIBUTION.md").read_text(encoding="utf-8").splitlines()
    table = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if ".ogg |" in line]
    credited = {name.strip(): [cell.strip() for cell in rest] for name, *rest in table}
    assert set(credited) == {clip.filename for clip in clips}
    for clip in clips:
        category, title, author, address, licence = credited[clip.filename]
        assert category == clip.category
        assert title
        assert author
        assert address.startswith("<http")
        assert address.endswith(f"/{clip.src_file}/>")
        assert licence.startswith(("[CC0](", "[CC BY]("))


def row(take: str, source: str = "1", fold: str = "1", esc10: str = "True") -> dict[str, str]:
    name = f"{fold}-{source}-{take}-0.ogg"
    keys = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
    return dict(zip(keys, (name, fold, "0", "dog", esc10, source, take), strict=True))


def credit(licence: str) -> Credit:
    return Credit("a | b", "x_y", "http://www.freesound.org/1/", licence)


def test_the_choice() -> None:
    rows = [row("A", "1"), row("A", "2"), row("B", "2"), row("A", "3"), row("A", "4")]
    credits_ = {
        "1-1-A": credit("CC-BY"),
        "1-2-A": credit("CC0"),
        "1-2-B": credit("CC0"),
        "1-3-A": credit("CC-BY-NC"),
        "1-4-A": credit("CC-Sampling+"),
    }
    assert [r["filename"] for r in choose(rows, credits_)] == ["1-1-A-0.ogg", "1-2-A-0.ogg"]
    assert [r["take"] for r in choose(rows[1:], credits_)] == ["A", "B"]
    assert choose([row("A", "1", esc10="False")], credits_) == []
    with pytest.raises(EarwitnessError, match="too few clips"):
        choose(rows[2:], credits_)


def test_credits_are_read_and_escaped() -> None:
    text = (
        "101 - Dog:\n"
        "- [5-9032-A.ogg]:  clip derived from A (b) by c.wav "
        "(http://www.freesound.org/people/x/sounds/9032/) by x_y [CC0]\n"
    )
    assert read_credits(text) == {
        "5-9032-A": Credit(
            "A (b) by c.wav", "x_y", "http://www.freesound.org/people/x/sounds/9032/", "CC0"
        )
    }
    page = credits_page([row("A")], {"1-1-A": credit("CC-BY")})
    assert r"| dog | a \| b | x\_y | <http://www.freesound.org/1/> | [CC BY](" in page
    assert "K. J. Piczak" in page
    assert "ESC-10 subset" in page


@pytest.mark.skipif(
    "EARWITNESS_DATA" not in os.environ, reason="EARWITNESS_DATA does not name a copy of ESC-50"
)
def test_the_demo_is_what_the_builder_builds(tmp_path: Path) -> None:
    data = Path(os.environ["EARWITNESS_DATA"])
    if not (data / "LICENSE").exists() or not (data / "audio" / "1-100032-A-0.ogg").exists():
        pytest.skip("EARWITNESS_DATA is not the Ogg release")
    build(data, tmp_path / "demo")
    built = {p.relative_to(tmp_path / "demo"): p.read_bytes() for p in tmp_path.rglob("*.*")}
    shipped = {p.relative_to(DEMO): p.read_bytes() for p in DEMO.rglob("*.*")}
    assert built == shipped
    with (DEMO / "meta" / "esc50.csv").open(newline="") as file:
        demo_lines = file.read().splitlines()
    with (data / "meta" / "esc50.csv").open(newline="") as file:
        original_lines = file.read().splitlines()
    assert set(demo_lines) <= set(original_lines)
    assert len(list(csv.reader(demo_lines))) == 101
