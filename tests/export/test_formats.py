"""Each kind of member in each format: the same logits, any number of clips, and the facts."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from earwitness.export.facts import as_json
from earwitness.export.formats import FACTS_FILE, PACK, SUFFIXES, Exportable
from earwitness.export.graphs import member_graph
from earwitness.export.parity import OPEN, Run
from earwitness.inference.member import Member, load_member
from earwitness.nets import bc_resnet
from tests.export.members import clips, describe, write_network

# Thousands of calls into torch a file, of which coverage would make twice as many seconds.
pytestmark = pytest.mark.uncovered

ROOT = Path(__file__).resolve().parent.parent.parent
CPU = torch.device("cpu")
TOLERANCE = 0.002


@dataclass(frozen=True)
class Exported:
    """A member and its files."""

    member: Member
    model: Exportable
    files: dict[str, Path]

    def open(self, name: str) -> Run:
        return OPEN[name](self.files[name])


@pytest.fixture(scope="module")
def shallow() -> Iterator[None]:
    """BC-ResNet with a block a stage: all that it is made of, in a quarter of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bc_resnet, "STAGES", [(1, *rest) for _, *rest in bc_resnet.STAGES])
        yield


@pytest.fixture(
    scope="module", params=["spec_cnn", "bc_resnet on 40 bands", "yamnet", "aisfx", "mn04"]
)
def exported(
    request: pytest.FixtureRequest,
    member_folder: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
    shallow: None,
) -> Exported:
    folder = tmp_path_factory.mktemp("files")
    if request.param.startswith("bc_resnet"):  # shallow, so not the one that others use
        member = load_member(write_network(folder / "fold1", request.param), CPU)
    else:
        member = load_member(member_folder(request.param), CPU)
    model = Exportable(member_graph(member).requires_grad_(False), describe(member))
    files = {name: folder / f"{member.name}{suffix}" for name, suffix in SUFFIXES.items()}
    for name, path in files.items():
        path.write_bytes(PACK[name](model))
    return Exported(member, model, files)


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("name", SUFFIXES)
@pytest.mark.parametrize("count", [1, 3])
def test_one_file_says_what_the_member_says_of_any_number_of_clips(
    exported: Exported, name: str, count: int
) -> None:
    rate = exported.member.sample_rate
    waveforms = clips(rate)[:count]
    found = exported.open(name)({rate: waveforms})
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exported.member.logits(waveforms), atol=TOLERANCE, rtol=1e-4)


def test_every_file_holds_the_facts(exported: Exported) -> None:
    expected = as_json(exported.model.facts)
    properties = {p.key: p.value for p in onnx.load(exported.files["onnx"]).metadata_props}
    assert set(properties) == set(expected)
    assert json.loads(properties["classes"]) == ["dog", "rain", "saw"]
    assert json.loads(properties["sample_rates"]) == [exported.member.sample_rate]
    assert (properties["model"], properties["seconds"]) == (exported.member.name, "1.0")
    extra = {FACTS_FILE: ""}
    torch.jit.load(str(exported.files["torchscript"]), _extra_files=extra)
    assert json.loads(extra[FACTS_FILE]) == expected
    extra = {FACTS_FILE: ""}
    torch.export.load(str(exported.files["torch_export"]), extra_files=extra)
    assert json.loads(extra[FACTS_FILE]) == expected


def test_onnx_is_valid_and_of_usual_operators_alone(exported: Exported) -> None:
    model = onnx.load(exported.files["onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert [domain.domain for domain in model.opset_import] == [""]
    assert not model.functions


def test_torchscript_declares_constants_in_order(exported: Exported) -> None:
    """torch has them in that of a set, which differs between processes."""
    with zipfile.ZipFile(exported.files["torchscript"]) as archive:
        sources = [archive.read(name) for name in archive.namelist() if name.endswith(".py")]
    declared = [re.findall(rb"^  (\w+) : Final\[", source, re.MULTILINE) for source in sources]
    assert all(names == sorted(names) for names in declared)
    assert any(len(names) > 1 for names in declared) or exported.member.name != "spec_cnn"


def test_no_file_names_a_folder_of_this_machine(exported: Exported) -> None:
    for path in exported.files.values():
        content = path.read_bytes()
        parts = [content]
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(path) as archive:
                parts += [archive.read(name) for name in archive.namelist()]
        assert not any(str(folder).encode() in part for part in parts for folder in (ROOT,))
