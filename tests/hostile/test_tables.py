"""CSVs that were made to do harm."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.audio import table as tables
from earwitness.audio.dataset import find_clips
from earwitness.audio.prepare import prepare
from earwitness.errors import EarwitnessError
from earwitness.fold import read_manifest
from earwitness.labels import class_indices, list_classes
from earwitness.plots.confusion import plot_confusion
from earwitness.store.atomic import FORMULA_STARTS
from tests.hostile.conftest import AsNobody
from tests.hostile.corpus import encode
from tests.trained import PREPARED

HEADER = "filename,fold,target,category"


def data_set(root: Path, *lines: str, header: str = HEADER) -> Path:
    """A folder with a.wav, b.wav and a CSV."""
    root.mkdir()
    for name in "ab":
        (root / f"{name}.wav").write_bytes(encode("WAV"))
    (root / "clips.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.wav,1.0,0,c"], "fold must be a whole number"),
        (["a.wav,1e3,0,c"], "fold must be a whole number"),
        (["a.wav,=1+1,0,c"], "fold must be a whole number"),
        (["a.wav,NaN,0,c"], "fold must be a whole number"),
        (["a.wav,1,0x10,c"], "target must be a whole number"),
        (["a.wav,1,4294967296,c"], "target must be a whole number"),
        (["a.wav,1,0,c\x1b[2J"], "control codes in category"),
        (['a.wav,1,0,"two\nlines"'], "control codes in category"),
        (["a.wav,1,0,c\x00d"], "control codes in category"),
        (["a.wav,1,0," + "c" * 1000], "category of more than 200 characters"),
        (["a.wav,1,0," + "c" * 1000, "b.wav,1,0,d"], "of more than 200 characters"),
    ],
)
def test_cells_that_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(EarwitnessError, match=rf"clips\.csv: (?s:.)*{message}") as refused:
        find_clips(data_set(tmp_path / "data", *lines))
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    "name",
    [
        "../../../../etc/passwd",
        "/dev/zero",
        "\\\\server\\share\\a.wav",
        "file:///etc/passwd",
        "a.wav\x00.txt",
        "\x1b]0;title\x07.wav",
        "two\nlines.wav",
        "%2e%2e/a.wav",
    ],
)
def test_names_that_lead_elsewhere_or_steer_the_terminal(tmp_path: Path, name: str) -> None:
    clips, problems = find_clips(data_set(tmp_path / "data", f'"{name}",1,0,c', "a.wav,1,0,c"))
    assert [clip.filename for clip in clips] == ["a.wav"]
    assert len(problems) == 1
    assert problems[0].endswith(": not a plain file name")
    assert problems[0].isprintable()


def test_a_link_in_the_folder_does_not_make_a_device_a_clip(tmp_path: Path) -> None:
    root = data_set(tmp_path / "data", "zero.wav,1,0,c")
    (root / "zero.wav").symlink_to("/dev/zero")
    clips, _ = find_clips(root)
    with pytest.raises(EarwitnessError, match="pipe or device"):
        prepare(clips, [16000], PREPARED, tmp_path, tmp_path / "m.csv", "fail", 1)


@pytest.mark.parametrize(
    "name", ["1" * 5000 + "-a-b-0", "1-" + "a-" * 50_000 + "0", "n" * 100_000, "1" * 100_000]
)
def test_enormous_names_are_missing_and_told_in_short(tmp_path: Path, name: str) -> None:
    started = time.process_time()
    _, problems = find_clips(data_set(tmp_path / "data", f"{name}.wav,1,0,c", "a.wav,1,0,c"))
    assert time.process_time() - started < 2
    assert problems[0].endswith(": no such file")
    assert len(problems[0]) < 400


def test_repeated_rows_are_named(tmp_path: Path) -> None:
    root = data_set(tmp_path / "data", *["a.wav,1,0,c"] * 3, "b.wav,2,1,d", "b.wav,1,1,d")
    clips, problems = find_clips(root)
    assert [clip.filename for clip in clips] == ["a.wav", "b.wav"]
    assert problems == [f"{name}.wav: listed more than once" for name in "aab"]


def test_labels_beyond_the_classes_are_refused() -> None:
    classes = list_classes(pd.DataFrame({"target": [0, 3], "category": ["a", "b"]}))
    with pytest.raises(EarwitnessError, match="target 99 is not in the splits"):
        class_indices(pd.DataFrame({"target": [0, 99]}), classes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{HEADER},fold\na.wav,1,0,c,2\n".encode(), "two columns fold"),
        (f"{HEADER}, fold\na.wav,1,0,c,2\n".encode(), "two columns fold"),
        (f"{HEADER}\na.wav,1,0,h\xe9risson\n".encode("latin-1"), "cannot be read as CSV.*utf-8"),
        (f"{HEADER}\n".encode() + b"\0" * 10_000, "cannot be read|must be a whole number"),
        (f"{HEADER}\na.wav,1,0,c\n".encode("utf-16"), "no comma-separated CSV file"),
        (b"\0" * 10_000, "no comma-separated CSV file"),
        (b"x" * 10_000_000, "no comma-separated CSV file"),
        (b'"' * 10_000_001, "no comma-separated CSV file"),
        (b"PK\x03\x04", "no comma-separated CSV file"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    root = data_set(tmp_path / "data")
    (root / "clips.csv").write_bytes(content)
    with pytest.raises(EarwitnessError, match=message):
        find_clips(root)


def test_a_table_that_others_may_not_read(open_folder: Path, as_nobody: AsNobody) -> None:
    root = data_set(open_folder / "secret", "a.wav,1,0,c")
    (root / "clips.csv").chmod(0)
    with as_nobody(), pytest.raises(EarwitnessError, match="no comma-separated CSV file"):
        find_clips(root)


def test_a_table_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = data_set(tmp_path / "data", "a.wav,1,0,c")
    find_clips(root)
    monkeypatch.setattr(tables, "MAX_CSV_BYTES", 20)
    with pytest.raises(EarwitnessError, match=r"clips\.csv is larger than"):
        find_clips(root)


@pytest.mark.uncovered
def test_a_million_rows(tmp_path: Path) -> None:
    """They take seconds, not minutes, and the message does not grow with them."""
    rows = (f"{n}.wav,{n % 5},{n % 50},class{n % 50}" for n in range(1_000_000))
    root = data_set(tmp_path / "data", "a.wav,1,0,class0", *rows)
    started = time.process_time()
    clips, problems = find_clips(root)
    assert time.process_time() - started < 60
    assert (len(clips), len(problems)) == (1, 1_000_000)
    with pytest.raises(EarwitnessError) as refused:
        prepare(clips, [16000], PREPARED, tmp_path, tmp_path / "m.csv", "fail", 1, problems)
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("1000000 clips cannot be used")
    assert lines[-1] == "  ... and 990000 more"
    assert len(lines) == 10_002


FORMULAS = [f"{start}cmd|' /C calc'!A0" for start in FORMULA_STARTS if start.isprintable()]


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_are_text_in_what_is_written_and_stay_one_class(
    tmp_path: Path, formula: str
) -> None:
    name = formula.replace("/", "_")
    root = data_set(tmp_path / "data", f'{name}.wav,1,0,"{formula}"', f'b.wav,2,0,"{formula}"')
    (root / "a.wav").rename(root / f"{name}.wav")
    clips, problems = find_clips(root)
    assert problems == []
    path = tmp_path / "manifest.csv"
    prepare(clips, [16000], PREPARED, tmp_path / "out", path, "fail", 1)
    manifest = read_manifest(path)
    for column in ("filename", "category", "src_file"):
        assert not manifest[column].str.startswith(FORMULA_STARTS).any()
    assert set(manifest["category"]) == {"'" + formula}
    assert list(manifest["filename"]) == [f"'{name}.wav", "b.wav"]


@pytest.mark.parametrize("category", ["$x$", r"$\frac{1}$", "$", "a_b^c", "<b>&amp;"])
def test_a_class_named_like_a_formula_can_be_drawn(tmp_path: Path, category: str) -> None:
    confusion = pd.DataFrame({"actual": [category, "b"], "predicted": ["b", category]})
    plot_confusion(confusion, [category, "b"], tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert np.array_equal(np.unique(confusion["actual"]), sorted([category, "b"]))
