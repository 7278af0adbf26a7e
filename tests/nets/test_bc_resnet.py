"""BC-ResNet is the published network, whatever the layout it is computed in."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from earwitness.errors import EarwitnessError
from earwitness.nets.bc_resnet import BroadcastBlock, BroadcastResNet, CollapseConv, build
from earwitness.schema.nets.bc_resnet import NetParams

EIGHT = NetParams(variant="broadcast", scale=8, sub_bands=5, se_reduction=8, dropout=0.1)
SMALL = replace(EIGHT, scale=2, dropout=0.0)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def network(net: NetParams, channels: int = 1, mels: int = 40) -> BroadcastResNet:
    torch.manual_seed(0)
    made = build(net, channels=channels, mels=mels, classes=50)
    assert isinstance(made, BroadcastResNet)
    return made


def normalise(norms: list[nn.BatchNorm1d], x: Tensor) -> Tensor:
    """Sub-spectral normalisation by its definition, (B, C, F, T); one norm is a plain one."""
    parts = []
    for norm, part in zip(norms, x.chunk(len(norms), dim=2), strict=True):
        mean = part.mean((0, 2, 3), keepdim=True)
        variance = part.var((0, 2, 3), keepdim=True, unbiased=False)
        scaled = (part - mean) / (variance + 1e-5).sqrt()
        parts.append(scaled * norm.weight[:, None, None] + norm.bias[:, None, None])
    return torch.cat(parts, dim=2)


def published_block(block: BroadcastBlock, x: Tensor, stride: int, dilation: int) -> Tensor:
    """Sections 3.1 and 3.2 of the paper, (B, C, F, T) -> (B, C', F', T)."""
    shortcut = x
    if block.transition:
        x = F.conv2d(x, block.widen.weight[:, :, None, None])
        x = normalise([block.widen_norm], x).relu()
    weight = block.frequency[0].conv.weight
    y = F.conv2d(x, weight, stride=(stride, 1), padding=(1, 0), groups=len(weight))
    y = normalise(list(block.frequency[1].norms), y)
    weight = block.time.conv.weight.transpose(2, 3)
    z = y.mean(2, keepdim=True)
    z = F.conv2d(z, weight, padding=(0, dilation), dilation=(1, dilation), groups=len(weight))
    z = F.silu(normalise([block.time_norm], z))
    z = F.conv2d(z, block.mix.weight[:, :, None, None])
    return F.relu(y + z if block.transition else y + z + shortcut)


def published(net: BroadcastResNet, x: Tensor) -> Tensor:
    """The whole network, (B, C, F, T) -> (B, classes)."""
    x = F.conv2d(x, net.stem.weight, stride=(2, 1), padding=2)
    x = normalise([net.stem_norm], x).relu()
    strides = [1, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1]
    dilations = [1, 1, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8]
    for block, stride, dilation in zip(net.blocks, strides, dilations, strict=True):
        x = published_block(block, x, stride, dilation)
    weight = net.collapse.weight
    x = F.conv2d(x, weight, padding=(0, 2), groups=len(weight))
    x = F.conv2d(x, net.widen.weight[:, :, None, None])
    return net.classifier(normalise([net.widen_norm], x).relu().mean((2, 3)))


@pytest.mark.parametrize(
    ("channels", "mels", "bands", "frames"), [(1, 40, 5, 126), (2, 64, 4, 51), (1, 45, 1, 33)]
)
def test_the_layout_does_not_change_the_network(
    channels: int, mels: int, bands: int, frames: int
) -> None:
    net = network(replace(SMALL, sub_bands=bands), channels, mels).double().train()
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    x = torch.randn(3, channels, mels, frames, dtype=torch.float64)
    ours, theirs = net(x), published(net, x)
    torch.testing.assert_close(ours, theirs)
    parameters = list(net.parameters())
    for a, b in zip(
        torch.autograd.grad(ours.sin().sum(), parameters),
        torch.autograd.grad(theirs.sin().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_it_has_the_published_size() -> None:
    assert count(network(EIGHT)) == 330_834
    stem = network(EIGHT).stem
    assert count(stem) == 128 * 25
    # A second input channel, as PCEN beside log-mel, adds one more kernel to each of the stem's.
    assert count(network(EIGHT, channels=2)) == 330_834 + count(stem)


def test_collapsing_keeps_every_row_that_the_kernel_reaches() -> None:
    torch.manual_seed(0)
    layer = CollapseConv(3)
    x = torch.randn(8, 2, 9, 3)
    expected = F.conv2d(x.permute(1, 3, 0, 2), layer.weight, padding=(0, 2), groups=3)
    torch.testing.assert_close(layer(x), expected.permute(2, 0, 3, 1))


def test_dropout_takes_whole_channels_of_the_broadcast_part() -> None:
    torch.manual_seed(0)
    block = BroadcastBlock(4, 4, 1, 1, 1, dropout=0.5).train()
    kept = block.dropout(torch.ones(64, 4, 9))
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert (kept == kept[:, :, :1]).all()


@pytest.mark.parametrize(
    ("mels", "bands", "message"),
    [
        (64, 5, r"sub_bands is 5, but 64 mel bands leave 32, 16, 8, 8 .* one of 1, 2, 4, 8, .* 40"),
        (40, 4, r"sub_bands is 4, but 40 mel bands leave 20, 10, 5, 5 .* one of 1, 5, .* of 32"),
        (32, 4, r"32 mel bands leave 16, 8, 4, 4 rows .* needs 5: .* n_mels"),
    ],
)
def test_bands_that_do_not_fit_are_refused(mels: int, bands: int, message: str) -> None:
    with pytest.raises(EarwitnessError, match=message):
        network(replace(SMALL, sub_bands=bands), mels=mels)


def test_what_the_message_advises_works() -> None:
    for bands in (1, 2, 4, 8):
        network(replace(SMALL, sub_bands=bands), mels=64)
    for mels in (40, 80, 120):
        network(SMALL, mels=mels)


def test_the_notebooks_variant_has_its_widths() -> None:
    net = build(replace(EIGHT, variant="se"), channels=2, mels=64, classes=50)
    assert net.stem[0].weight.shape == (40, 2, 5, 5)
    widths = [block.body[3].out_channels for block in net.blocks]
    assert widths == [40, 40, 80, 80, 120, 120, 160, 160]
