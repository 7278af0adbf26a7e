"""Data and weights are found, or it is said why not and what to do."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.backbones.obtain import pin
from earwitness.backbones.record import Url
from earwitness.backbones.registry import get_record
from earwitness.checkup.sources import check_data, check_weights
from earwitness.schema.data import DataParams
from tests.synthetic import write_dataset

NOWHERE = "http://127.0.0.1:9/file"  # the port of nobody


@pytest.fixture
def params(tmp_path: Path) -> DataParams:
    root = write_dataset(tmp_path / "set", folds=2, seconds=0.1)
    return DataParams("tiny", str(root), NOWHERE, "", "fail")


def test_a_whole_data_set(params: DataParams) -> None:
    finding, clips = check_data(params, None, [1, 2])
    assert finding.level == "ok"
    assert "12 clips of 3 classes" in finding.text
    assert len(clips) == 12


def test_a_data_set_elsewhere_is_looked_at_there(params: DataParams, tmp_path: Path) -> None:
    elsewhere = replace(params, root=str(tmp_path / "link"))
    finding, clips = check_data(elsewhere, Path(params.root), [1])
    assert (finding.level, len(clips)) == ("ok", 12)
    assert not (tmp_path / "link").exists()


def test_a_fold_that_the_data_does_not_have(params: DataParams) -> None:
    finding, _ = check_data(params, None, [1, 7])
    assert finding.level == "problem"
    assert "no fold 7" in finding.text


@pytest.mark.parametrize(("on_bad", "level"), [("fail", "problem"), ("drop", "note")])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_clips_that_cannot_be_used(
    params: DataParams, on_bad: str, level: str, damage: str
) -> None:
    clip = sorted(Path(params.root, "audio").iterdir())[0]
    if damage == "gone":
        clip.unlink()
    else:
        clip.write_bytes(b"no audio")
    finding, _ = check_data(replace(params, on_bad=on_bad), None, [1])
    assert finding.level == level
    assert clip.stem in finding.text


def test_no_data_and_no_network(params: DataParams, tmp_path: Path) -> None:
    finding, clips = check_data(replace(params, root=str(tmp_path / "none")), None, [1])
    assert (finding.level, clips) == ("problem", [])
    assert NOWHERE in finding.text
    assert "DATA=/path" in finding.text


@pytest.mark.parametrize(
    "url", ["", "ftp://example.org/a", "no address", "http://[bad", "http://a b/c"]
)
def test_no_data_and_no_address(params: DataParams, tmp_path: Path, url: str) -> None:
    finding, _ = check_data(replace(params, root=str(tmp_path / "none"), url=url), None, [1])
    assert finding.level == "problem"
    assert "cannot be reached" in finding.text


def test_an_empty_folder_is_no_data_set_yet(params: DataParams, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    finding, clips = check_data(
        replace(params, root=str(tmp_path / "empty")), Path(params.root), [1]
    )
    assert (finding.level, len(clips)) == ("ok", 12)


def test_a_file_is_no_data_set(params: DataParams, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding, _ = check_data(replace(params, root=str(tmp_path / "file")), Path(params.root), [1])
    assert finding.level == "problem"
    assert f"no data set folder {tmp_path / 'file'}" in finding.text


def test_a_data_set_that_is_not_where_it_was_said_to_be(params: DataParams, tmp_path: Path) -> None:
    absent = replace(params, root=str(tmp_path / "none"))
    finding, _ = check_data(absent, tmp_path / "typo", [1])
    assert finding.level == "problem"
    assert f"no folder {tmp_path / 'typo'}" in finding.text


def test_weights_that_a_person_vouches_for_are_in_torch_s_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    record = get_record("hubert_base")
    path = tmp_path / "hub" / "checkpoints" / record.transport.filename
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert "no SHA-256" in check_weights(record, tmp_path / "none", [tmp_path]).text
    vouched = pin(record, {"hubert_base": hashlib.sha256(b"weights").hexdigest()})
    finding = check_weights(vouched, tmp_path / "none", [tmp_path])
    assert (finding.level, str(path) in finding.text) == ("ok", True)


def test_weights_that_are_converted_already(tmp_path: Path) -> None:
    converted = tmp_path / "yamnet.safetensors"
    converted.touch()
    assert check_weights(get_record("yamnet"), converted, [tmp_path]).level == "ok"


def test_a_published_file_is_checked_by_its_hash(tmp_path: Path) -> None:
    record = get_record("yamnet")
    (tmp_path / record.transport.filename).write_bytes(b"something else")
    finding = check_weights(record, tmp_path / "none", [tmp_path / "empty", tmp_path])
    assert finding.level == "problem"
    assert "SHA-256" in finding.text


def test_weights_that_cannot_be_had(tmp_path: Path) -> None:
    record = replace(get_record("mn04"), transport=Url(NOWHERE, "file.pt", "0" * 64))
    finding = check_weights(record, tmp_path / "none", [tmp_path])
    assert finding.level == "problem"
    assert f"put file.pt from {NOWHERE} into {tmp_path}" in finding.text
