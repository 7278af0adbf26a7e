"""What every network trained from scratch must do."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from ruamel.yaml import YAML

PARAMS = YAML(typ="safe").load(
    (Path(__file__).resolve().parents[2] / "params.yaml").read_text(encoding="utf-8")
)
NETWORKS = list(PARAMS["train"])


def build(name: str, classes: int = 7) -> torch.nn.Module:
    schema = importlib.import_module(f"earwitness.schema.nets.{name}").NetParams
    settings = TypeAdapter(schema).validate_json(json.dumps(PARAMS["train"][name]["net"]))
    torch.manual_seed(0)
    return importlib.import_module(f"earwitness.nets.{name}").build(
        settings, channels=2, mels=64, classes=classes
    )


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> torch.nn.Module:
    return build(request.param)


def batch(frames: int = 101) -> torch.Tensor:
    return torch.randn(3, 2, 64, frames, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("frames", [33, 101, 251])
def test_it_takes_clips_of_any_length(network: torch.nn.Module, frames: int) -> None:
    assert network.eval()(batch(frames)).shape == (3, 7)


def test_every_parameter_learns(network: torch.nn.Module) -> None:
    network.train()(batch()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_in_evaluation_a_clip_does_not_depend_on_its_batch(network: torch.nn.Module) -> None:
    x = batch()
    with torch.inference_mode():
        together, alone = network.eval()(x), network(x[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_the_seed_fixes_the_weights(network: torch.nn.Module, request: Any) -> None:
    again = build(request.node.callspec.params["network"])
    for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_it_embeds_what_the_classifier_reads(network: torch.nn.Module) -> None:
    with torch.inference_mode():
        embedded = network.eval().embed(batch())
        assert embedded.shape == (3, network.classifier.in_features)
        torch.testing.assert_close(network.classifier(embedded), network(batch()))


def test_standardisation_uses_the_given_statistics(network: torch.nn.Module) -> None:
    mean, std = torch.full((2, 1, 1), 3.0), torch.tensor([2.0, 0.0]).reshape(2, 1, 1)
    network.standardise.set(mean, std, floor=0.5)
    x = network.standardise(torch.full((1, 2, 4, 4), 5.0))
    assert x[0, 0].unique().tolist() == [1.0]
    assert x[0, 1].unique().tolist() == [4.0]  # a constant channel is not blown up
