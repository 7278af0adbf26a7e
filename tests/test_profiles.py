"""Profiles: overrides of params.yaml, run beside it."""

from pathlib import Path

import pytest

from earwitness.errors import EarwitnessError
from profiles.run import minutes_of_stages, overridden, profile_params
from stages.document import read_document
from stages.schema import load

ROOT = Path(__file__).resolve().parent.parent
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_valid_and_differs_from_the_default(name: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(profile_params(name))
    assert load(path) != load(ROOT / "params.yaml")
    override = read_document(ROOT / "profiles" / f"{name}.yaml")
    assert set(override.get("members", ())) <= set(read_document(path)["members"])


def test_sections_are_merged_and_values_replaced() -> None:
    params = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert overridden(params, {"a": {"c": [5]}}) == {"a": {"b": 1, "c": [5]}, "d": 3}
    assert params == {"a": {"b": 1, "c": [1, 2]}, "d": 3}


def test_an_unknown_key_is_named_by_its_path() -> None:
    with pytest.raises(EarwitnessError, match=r"a\.bb is not a known key; did you mean 'b'"):
        overridden({"a": {"b": 1}}, {"a": {"bb": 1}})


def test_an_unknown_profile_is_told() -> None:
    with pytest.raises(EarwitnessError, match="no profile is called 'quik'; did you mean 'quick'"):
        profile_params("quik")


def test_minutes_are_those_in_which_stages_ran(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("members: [net]\nfolds: [1, 2]\n")
    assert minutes_of_stages(tmp_path) is None
    log = tmp_path / "logs" / "stages.csv"
    log.parent.mkdir()
    rows = [
        "finished,stage,seconds,peak_mib,pid",
        "2026-01-01T11:00:00,predict@net-1,600,1,1",  # replaced by the run a day later
        "2026-01-01T11:00:00,train@net-1,600,1,1",
        "2026-01-01T11:05:00,train@net-2,600,1,1",  # half of it beside the other
        "2026-01-01T11:04:00,features@net,120,1,1",  # all of it beside that
    ]
    log.write_text("\n".join([*rows, "2026-01-02T11:00:00,predict@net-1,60,1,1"]))
    assert minutes_of_stages(tmp_path) is None
    rows += ["2026-01-02T11:00:00,predict@net-1,60,1,1", "2026-01-02T12:00:00,predict@net-2,90,1,1"]
    log.write_text("\n".join(rows))
    assert minutes_of_stages(tmp_path) == pytest.approx(15 + 1 + 1.5)
