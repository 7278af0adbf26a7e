"""What every network trained from scratch must do."""

from pathlib import Path

import pytest
import torch

import earwitness.schema.nets
from tests.nets.settings import KINDS, Kind


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def network(kind: Kind) -> torch.nn.Module:
    return kind.build()


def test_no_network_is_left_out() -> None:
    folder = Path(earwitness.schema.nets.__path__[0])
    assert {kind.name for kind in KINDS.values()} == {
        path.stem for path in folder.glob("[a-z]*.py")
    }


@pytest.mark.parametrize("frames", [33, 101, 251])
def test_it_takes_clips_of_any_length(network: torch.nn.Module, kind: Kind, frames: int) -> None:
    assert network.eval()(kind.batch(frames)).shape == (3, 7)


def test_every_parameter_learns(network: torch.nn.Module, kind: Kind) -> None:
    network.train()(kind.batch()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_it_trains_as_the_trainer_does(network: torch.nn.Module, kind: Kind) -> None:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = kind.batch().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network.train()(x)
    logits.float().square().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_in_evaluation_a_clip_does_not_depend_on_its_batch(
    network: torch.nn.Module, kind: Kind
) -> None:
    x = kind.batch()
    with torch.inference_mode():
        together, alone = network.eval()(x), network(x[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_the_seed_fixes_the_weights(network: torch.nn.Module, kind: Kind) -> None:
    for a, b in zip(network.state_dict().values(), kind.build().state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_it_embeds_what_the_classifier_reads(network: torch.nn.Module, kind: Kind) -> None:
    with torch.inference_mode():
        embedded = network.eval().embed(kind.batch())
        assert embedded.shape == (3, network.classifier.in_features)
        torch.testing.assert_close(network.classifier(embedded), network(kind.batch()))


def test_standardisation_uses_the_given_statistics(network: torch.nn.Module, kind: Kind) -> None:
    shape = (kind.channels, 1, 1)
    network.standardise.set(torch.full(shape, 3.0), torch.full(shape, 2.0), floor=0.5)
    x = torch.full((1, kind.channels, 4, 4), 5.0)
    assert network.standardise(x).unique().tolist() == [1.0]
    network.standardise.set(torch.full(shape, 3.0), torch.zeros(shape), floor=0.5)
    assert network.standardise(x).unique().tolist() == [4.0]  # a constant is not blown up


def test_the_statistics_reach_the_logits(network: torch.nn.Module, kind: Kind) -> None:
    shape = (kind.channels, 1, 1)
    with torch.inference_mode():
        before = network.eval()(kind.batch())
        network.standardise.set(torch.full(shape, 3.0), torch.full(shape, 2.0), floor=0.5)
        torch.testing.assert_close(network(2 * kind.batch() + 3), before, atol=1e-5, rtol=1e-4)
