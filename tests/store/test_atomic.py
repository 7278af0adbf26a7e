import json
import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.store.atomic import (
    FORMULA_STARTS,
    atomic_directory,
    atomic_path,
    open_csv,
    write_csv,
    write_json,
    write_text,
)


def test_a_file_appears_whole_and_in_a_new_folder(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.json"
    with atomic_path(target) as partial:
        assert partial.parent == target.parent
        assert partial.suffix == ".json"
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_previous_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "before")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        pass


def test_a_read_only_target_is_replaced_not_written_through(tmp_path: Path) -> None:
    # As DVC leaves outputs that are hard links into its cache.
    cached, target = tmp_path / "cached", tmp_path / "a.txt"
    cached.write_text("cached")
    cached.chmod(0o444)
    target.hardlink_to(cached)
    write_text(target, "new")
    assert (cached.read_text(), target.read_text()) == ("cached", "new")


def test_a_folder_is_replaced_with_all_it_holds(tmp_path: Path) -> None:
    target = tmp_path / "models"
    target.mkdir()
    (target / "stale").touch()
    with atomic_directory(target) as partial:
        (partial / "sub").mkdir()
        (partial / "sub" / "fresh").write_text("x")
        assert (target / "stale").exists()
    assert [path.name for path in target.rglob("*")] == ["sub", "fresh"]
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_previous_folder(tmp_path: Path) -> None:
    target = tmp_path / "models"
    target.mkdir()
    (target / "kept").touch()
    with pytest.raises(ZeroDivisionError), atomic_directory(target) as partial:
        (partial / "half").touch()
        raise ZeroDivisionError
    assert [path.name for path in target.iterdir()] == ["kept"]
    assert list(tmp_path.iterdir()) == [target]


def test_json_keeps_order_and_ends_its_line(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": ["é", None]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert text.index('"b"') < text.index('"a"')
    assert json.loads(text) == {"b": 1, "a": ["é", None]}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_what_json_cannot_say(tmp_path: Path, number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": number})
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=50, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1),
    prefix=st.sampled_from(["", *FORMULA_STARTS]),
)
def test_csv_cells_are_never_formulas(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], prefix: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    written = [prefix + text for text in texts]
    write_csv(path, pd.DataFrame({"name": written, "number": range(len(written))}))
    with path.open(encoding="utf-8", newline="") as file:
        back = pd.read_csv(file, keep_default_na=False, dtype=str, skip_blank_lines=False)
    for cell, original in zip(back["name"], written, strict=True):
        assert not cell.startswith(FORMULA_STARTS)
        assert cell.removeprefix("'") == original.replace("\r", " ").removeprefix("'")


def test_a_csv_written_row_by_row_has_the_bytes_of_one_written_at_once(tmp_path: Path) -> None:
    rows = [["=1+1", 1, 0.1, "a,b"], ['"q"', -2, 1e-05, "line\nbreak"], ["é\r", 3, -0.0, ""]]
    write_csv(tmp_path / "a.csv", pd.DataFrame(rows, columns=["name", "n", "share", "=text"]))
    with open_csv(tmp_path / "b.csv", ["name", "n", "share", "=text"]) as write_row:
        for row in rows:
            write_row(row)
        assert not (tmp_path / "b.csv").exists()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_csv_leaves_negative_numbers_and_the_frame_alone(tmp_path: Path) -> None:
    frame = pd.DataFrame({"=name": ["=1+1", "plain"], "gain_db": [-6.5, 3.0]})
    before = frame.copy()
    write_csv(tmp_path / "a.csv", frame)
    assert (tmp_path / "a.csv").read_bytes() == b"=name,gain_db\n'=1+1,-6.5\nplain,3.0\n"
    pd.testing.assert_frame_equal(frame, before)


def abandoned(target: Path, process: int) -> Path:
    """What a killed process leaves of `target`."""
    return target.with_name(f".{target.stem}.{process}-0123abcd.partial{target.suffix}")


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_what_killed_processes_left_is_cleared_away(tmp_path: Path) -> None:
    target, dead = tmp_path / "a.h5", dead_process()
    abandoned(target, dead).touch()
    living, other = abandoned(target, os.getppid()), abandoned(tmp_path / "b.h5", dead)
    living.touch()
    other.touch()
    write_text(target, "whole")
    assert set(tmp_path.iterdir()) == {target, living, other}


def test_folders_that_killed_processes_left_are_cleared_away(tmp_path: Path) -> None:
    target = tmp_path / "fold1"
    abandoned(target, dead_process()).mkdir()
    with atomic_directory(target):
        pass
    assert list(tmp_path.iterdir()) == [target]


def test_git_and_dvc_ignore_what_a_killed_process_left() -> None:
    root = Path(__file__).resolve().parents[2]
    for name in (".gitignore", ".dvcignore"):
        patterns = (root / name).read_text().split()
        for target in (Path("a.h5"), Path("fold1")):
            left = abandoned(target, 1).name
            assert any(fnmatch(left, pattern) for pattern in patterns), f"{name}: {left}"
