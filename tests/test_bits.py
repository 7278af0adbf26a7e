"""`make bits`: two runs of the pipeline are compared output by output, and a difference is found.

Of the real stages, on a few synthetic clips, those that take seconds; a workspace that is
complete is the user's own to make.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from earwitness.errors import EarwitnessError
from profiles import bits
from profiles.bits import NAME, compare, render
from profiles.run import profile_params
from profiles.workspace import INCOMING, Workspace
from stages.document import read_document
from tests.synthetic import write_dataset
from tests.workspace import ROOT, small_params

# Twice some stages, each with a dvc and a torch of its own to load, on a busy machine.
pytestmark = pytest.mark.timeout(1200)

MakeWorkspace = Callable[[], Workspace]

RANDOM = """

from pathlib import Path
import secrets

_honest = main


def main(params):
    _honest(params)
    path = Path("data/splits.json")
    path.write_text(path.read_text() + " " * secrets.randbelow(10**6))
"""


@pytest.fixture
def make_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeWorkspace:
    """Makes a workspace of the real code, one small network and a few clips."""
    for name in ("EARWITNESS_DATA", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)

    def make() -> Workspace:
        params: dict[str, Any] = small_params()
        params["members"] = ["spec_cnn"]
        params["model"]["backbones"] = []
        stream = io.StringIO()
        YAML().dump(params, stream)
        workspace = Workspace(tmp_path / "bits", stream.getvalue())  # absolute, so not in ours
        write_dataset(workspace.root / params["data"]["root"], clips_per_fold_class=2, seconds=1.2)
        return workspace

    return make


def test_a_planted_difference_is_found_and_told(
    make_workspace: MakeWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    workspace = make_workspace()
    assert (workspace.root / ".dvc" / "plots" / "page.html").is_file()
    assert (workspace.root / INCOMING).resolve() == ROOT / INCOMING
    with pytest.raises(EarwitnessError, match="another process works in"):
        make_workspace()
    with (workspace.root / "stages" / "splits.py").open("a") as stream:
        stream.write(RANDOM)
    monkeypatch.setattr(bits, "make_workspace", lambda data: workspace)
    monkeypatch.setattr(bits, "TARGET", "splits")
    assert bits.main(["-j", "2"]) == 1
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if "DIFFERENT" in line] == ["splits"]
    assert "1 of 4 outputs differ" in said
    assert workspace.root.is_dir(), "there for a look"


def test_outputs_are_compared_by_stage_and_path() -> None:
    first = {("a", "x"): "1" * 32, ("a", "y"): "2" * 32, ("b", "z"): "3" * 32}
    second = {("a", "x"): "1" * 32, ("a", "y"): "4" * 32, ("c", "z"): "3" * 32}
    table = compare(first, second)
    assert table["same"].tolist() == [True, False, False, False]
    assert render(table).splitlines() == [
        "stage  output  hash",
        "a      x       111111111111  same",
        "a      y       222222222222  DIFFERENT: 444444444444",
        "b      z       333333333333  DIFFERENT: none",
        "c      z       none          DIFFERENT: 333333333333",
    ]


def test_a_folder_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert bits.main(["--data", "/nowhere/at all"]) == 2
    assert "there is no folder /nowhere/at all" in capsys.readouterr().err


def test_every_member_is_run_and_every_backbone_fine_tuned(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(profile_params(NAME))
    ours, usual = read_document(path), read_document(ROOT / "params.yaml")
    assert set(usual["members"]) <= set(ours["members"])
    assert len(ours["folds"]) == 1
    for backbone in ours["model"]["backbones"]:
        section = ours["finetune"][backbone]
        assert section["keep"] == "finetuned"
        unfrozen = section["unfreeze_last_n"]
        assert (ours["model"]["unfreeze_last_n"] if unfrozen is None else unfrozen) >= 1
