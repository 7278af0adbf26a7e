"""The whole benchmark runs at tiny sizes, and writes a page."""

from pathlib import Path

import pytest

from benchmarks.__main__ import PAGE, PARTS, main, parser
from benchmarks.rows import HEAD

# Processes start, and on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(1200)

WORK = ("train", "eval")
ROWS = {
    "decoding": ["decode, resample to 16 kHz", "decode, resample to 16, 32 and 44.1 kHz"],
    "features": ["log-mel", "PCEN", "log-mel and PCEN", "stage features (both, with its store)"],
    "backbones": [
        *("trunk yamnet", "eval yamnet", "fine-tune yamnet"),
        *("trunk aisfx", "eval aisfx", "trunk mn04", "eval mn04", "fine-tune mn04"),
    ],
    "networks": [f"{w} {n}" for n in ("spec_cnn", "bc_resnet", "conv1d") for w in WORK],
    "tta": [
        *("TTA spec_cnn, 3 shifts", "TTA spec_cnn, 3 shifts", "TTA yamnet, 3 shifts"),
        *("TTA aisfx, 3 shifts", "TTA mn04, 3 shifts", "TTA of the ensemble, 3 shifts"),
    ],
    "epoch": ["epoch of spec_cnn"] * 2,
    "pipeline": ["training stages, -j 2"] * 2 + ["whole pipeline, -j 2"],
}


def rows(page: str) -> list[list[str]]:
    lines = [line for line in page.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert tuple(table[0]) == HEAD
    assert {len(cells) for cells in table} == {len(HEAD)}
    return table[2:]


@pytest.mark.parametrize("parts", [[p for p in PARTS if p != "pipeline"], ["pipeline"]], ids=len)
def test_parts_write_their_rows(parts: list[str], tmp_path: Path) -> None:
    before = PAGE.read_bytes() if PAGE.exists() else None
    out = tmp_path / "page.md"
    main(["--quick", "--only", *parts, "--out", str(out)])
    page = out.read_text()
    table = rows(page)
    assert [cells[0] for cells in table] == [row for part in parts for row in ROWS[part]]
    for cells in table:
        rate, each, rival, theirs, ratio, limit, share = cells[1:8]
        assert float(rate.replace(",", "")) > 0, cells
        assert float(each.replace(",", "")) > 0, cells
        assert bool(rival) == bool(theirs) == bool(ratio)
        assert bool(limit) == bool(share)
        assert bool(limit) != cells[0].startswith("whole pipeline")
    assert "real clips (ogg)" in page
    assert "python -m benchmarks --quick" in page
    assert (PAGE.read_bytes() if PAGE.exists() else None) == before


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--only", "everything"])
    assert "invalid choice" in capsys.readouterr().err
