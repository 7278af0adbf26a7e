from pathlib import Path

from earwitness.repro.lockfile import read_entries, sort_entries, write_entries

LOCK = Path(__file__).resolve().parent.parent.parent / "dvc.lock"


def test_a_lock_file_is_written_as_dvc_writes_it(tmp_path: Path) -> None:
    write_entries(tmp_path, read_entries(LOCK.parent))
    assert (tmp_path / "dvc.lock").read_bytes() == LOCK.read_bytes()


def test_new_stages_follow_in_the_order_of_the_plan(tmp_path: Path) -> None:
    names = ["new-2", "old-b", "new-1", "old-a"]
    write_entries(tmp_path, {name: {"cmd": name} for name in names})
    sort_entries(tmp_path, ["old-a", "old-b"], ["old-b", "old-a", "new-1", "new-2", "failed"])
    assert list(read_entries(tmp_path)) == ["old-a", "old-b", "new-1", "new-2"]


def test_no_stage_no_file(tmp_path: Path) -> None:
    sort_entries(tmp_path, [], ["failed"])
    assert not (tmp_path / "dvc.lock").exists()
    assert read_entries(tmp_path) == {}
