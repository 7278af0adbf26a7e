import re
import subprocess
import sys

import pytest
import torch

from earwitness.backbones.record import BackboneRecord, HubFile, SpeechRecord
from earwitness.backbones.registry import NAMES, get_record
from earwitness.backbones.weights import build_backbone
from earwitness.errors import EarwitnessError

records = pytest.mark.parametrize("record", [get_record(name) for name in NAMES], ids=NAMES)


@records
def test_record_is_complete(record: BackboneRecord) -> None:
    assert re.fullmatch(r"[a-z0-9_]+", record.name)
    assert get_record(record.name) is record
    if not isinstance(record.transport, HubFile) or record.transport.sha256 is not None:
        assert re.fullmatch(r"[0-9a-f]{64}", record.transport.sha256)
    assert record.transport.address.startswith("https://")
    assert record.transport.filename == record.transport.filename.split("/")[-1]
    assert record.licence
    assert record.source
    assert 0 <= record.level_from < record.blocks


@records
def test_record_describes_its_architecture(record: BackboneRecord) -> None:
    # Without memory for the numbers of the largest ones.
    with torch.device("meta" if isinstance(record, SpeechRecord) else "cpu"):
        backbone = build_backbone(record.name)
    assert backbone.record is record
    assert len(backbone.blocks) == record.blocks
    assert len(backbone.level_sizes()) == record.blocks - record.level_from
    if isinstance(record, SpeechRecord):
        assert set(backbone.widths) == {record.dimension}
    assert not backbone.training


def test_names_in_any_case_are_found() -> None:
    assert get_record("YAMNET") is get_record("yamnet")


def test_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(EarwitnessError, match="no backbone is called 'yamnte'; did you mean 'yam"):
        get_record("yamnte")
    with pytest.raises(EarwitnessError, match=r"'zzz'; there are: .*yamnet"):
        get_record("zzz")


@records
def test_boundary_counts_blocks_from_the_end(record: BackboneRecord) -> None:
    assert record.boundary(0) == record.blocks
    assert record.boundary(record.blocks) == 0
    assert record.boundary(2) == record.blocks - 2
    for wrong in (-1, record.blocks + 1):
        with pytest.raises(EarwitnessError, match=f"is {wrong}, but .* has {record.blocks} blocks"):
            record.boundary(wrong)


def test_registry_imports_nothing_heavy() -> None:
    code = (
        "import sys, earwitness.backbones.registry;"
        "print(sorted({'torch', 'numpy', 'onnx', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
