"""Exported files in onnxruntime: what is loaded is what was exported, and nothing else is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from scipy.special import log_softmax

from earwitness.errors import EarwitnessError
from earwitness.export.facts import Facts, as_properties, from_properties
from earwitness.export.formats import Exportable, pack_onnx
from earwitness.export.graphs import member_graph
from earwitness.export.runtime import OnnxModel
from earwitness.inference.member import Member, load_member
from tests.export.members import clips, describe

FACTS = Facts(
    earwitness=1,
    model="net",
    fold=1,
    sample_rates=(8000, 16000),
    seconds=0.5,
    resampler="HQ",
    classes=("dog", "Wäsche"),
    targets=(0, 7),
    output="logits",
    temperatures={"net": 2.0},
    weights={},
    tta_shifts_seconds=(0.0,),
)


@pytest.fixture(scope="module")
def network(member_folder: Callable[[str], Path]) -> Member:
    return load_member(member_folder("spec_cnn"), torch.device("cpu"))


@pytest.fixture(scope="module")
def packed(network: Member) -> bytes:
    return pack_onnx(Exportable(member_graph(network).requires_grad_(False), describe(network)))


@pytest.fixture
def path(packed: bytes, tmp_path: Path) -> Path:
    target = tmp_path / "net.onnx"
    target.write_bytes(packed)
    return target


def tiny(facts: Facts, path: Path, **properties: str) -> Path:
    """A graph of those inputs that adds up each clip's first samples, with other properties."""
    infos, nodes = [], []
    for name, rate in zip(facts.inputs, facts.sample_rates, strict=True):
        shape = ["B", facts.samples(rate)]
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    nodes.append(helper.make_node("Slice", [infos[0].name, "start", "stop", "axis"], ["y"]))
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in {"start": 0, "stop": 2, "axis": 1}.items()
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", 2])
    graph = helper.make_graph(nodes, "tiny", infos, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for key, value in (as_properties(facts) | properties).items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)
    return path


def test_it_says_what_it_reads(path: Path) -> None:
    model = OnnxModel(path)
    assert (model.sample_rates, model.seconds, model.resampler) == ({16000}, 1.0, "HQ")
    assert model.categories == ["dog", "rain", "saw"]


@pytest.mark.parametrize("count", [1, 3])
def test_log_probabilities_are_those_of_the_member_at_its_temperature(
    path: Path, network: Member, count: int
) -> None:
    waveforms = clips(16000)[:count]
    log_probs = OnnxModel(path).log_probs({16000: waveforms})
    assert (log_probs.shape, log_probs.dtype) == ((count, 3), np.float64)
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1)
    expected = log_softmax(network.logits(waveforms) / 2.0, axis=1)
    np.testing.assert_allclose(log_probs, expected, atol=0.001)


def test_each_rate_goes_to_its_input(tmp_path: Path) -> None:
    model = OnnxModel(tiny(FACTS, tmp_path / "tiny.onnx"))
    waveforms = {16000: np.ones((3, 8000), np.float32), 8000: np.zeros((3, 4000), np.float32)}
    waveforms[8000][:, 1] = 4.0
    assert model.logits(waveforms).tolist() == [[0, 4]] * 3
    assert model.categories == ["dog", "Wäsche"]


def test_properties_of_other_programs_do_not_matter(tmp_path: Path) -> None:
    assert OnnxModel(tiny(FACTS, tmp_path / "tiny.onnx", author="someone")).seconds == 0.5


def test_facts_survive_as_properties() -> None:
    assert from_properties(as_properties(FACTS)) == FACTS


@pytest.mark.parametrize(
    "waveforms",
    [
        {},
        {8000: np.zeros((1, 8000), np.float32)},
        {16000: np.zeros((1, 8000), np.float32)},
        {16000: np.zeros(16000, np.float32)},
    ],
    ids=["none", "another rate", "too short", "no batch"],
)
def test_clips_that_it_cannot_read_are_told(path: Path, waveforms: dict[int, np.ndarray]) -> None:
    with pytest.raises(EarwitnessError, match="spec_cnn reads clips of 16000 samples at 16000 Hz"):
        OnnxModel(path).log_probs(waveforms)


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match=r"none\.onnx cannot be read \(No such file"):
        OnnxModel(tmp_path / "none.onnx")
    with pytest.raises(EarwitnessError, match="cannot be read"):
        OnnxModel(tmp_path)


@pytest.mark.parametrize("spoil", [lambda b: b"", lambda b: b"<html>", lambda b: b[: len(b) // 2]])
def test_a_damaged_file_is_told(path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(EarwitnessError, match=r"net\.onnx is damaged or not an ONNX model"):
        OnnxModel(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("earwitness", "2"),
        ("sample_rates", "[0]"),
        ("sample_rates", "[22050]"),
        ("sample_rates", "[8000, 16000, 44100]"),
        ("seconds", "NaN"),
        ("seconds", "1e9"),
        ("seconds", "0.25"),
        ("resampler", "../best"),
        ("classes", '["dog"]'),
        ("classes", '["dog", "cat", "cow"]'),
        ("classes", "dog"),
        ("temperatures", '{"net": 0}'),
        ("temperatures", "{}"),
        ("output", "scores"),
        ("targets", "[1" * 100000),
    ],
    ids=lambda text: text[:24],
)
def test_facts_that_cannot_be_are_told(tmp_path: Path, key: str, value: str) -> None:
    model = tiny(FACTS, tmp_path / "tiny.onnx", **{key: value})
    with pytest.raises(EarwitnessError, match="is not a model that `dvc repro export` wrote"):
        OnnxModel(model)


def test_someone_elses_model_is_told(path: Path) -> None:
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(EarwitnessError, match="is not a model that `dvc repro export` wrote"):
        OnnxModel(path)


def test_weights_in_other_files_are_not_looked_for(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(4 * 100_000_000 // 100))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="secret.data", size_threshold=0)
    with pytest.raises(EarwitnessError):
        OnnxModel(path)


def test_it_is_json_all_the_way(path: Path) -> None:
    properties = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert json.loads(properties["temperatures"]) == {"spec_cnn": 2.0}
