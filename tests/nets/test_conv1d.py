"""The waveform encoder reads waveforms and pools them by attention."""

import pytest
import torch
from pydantic import ValidationError

from earwitness.errors import EarwitnessError
from earwitness.nets.conv1d import build
from earwitness.nets.layers import AttentivePool
from earwitness.schema.nets.conv1d import NetParams

NET = NetParams(widths=(4, 8), kernels=(8, 4), strides=(4, 2), attention_hidden=4, dropout=0.1)


@pytest.mark.parametrize(("channels", "mels"), [(2, 64), (1, 64), (2, 1)])
def test_spectrograms_are_refused(channels: int, mels: int) -> None:
    with pytest.raises(EarwitnessError, match=rf"{channels} channels of {mels} mel bands"):
        build(NET, channels=channels, mels=mels, classes=3)


def test_the_lists_must_describe_the_same_convolutions() -> None:
    with pytest.raises(ValidationError, match="2, 1 and 2 entries"):
        NetParams(widths=(4, 8), kernels=(8,), strides=(4, 2), attention_hidden=4, dropout=0.1)


def test_the_pool_follows_its_weights() -> None:
    torch.manual_seed(0)
    pool = AttentivePool(3, 4)
    frames = torch.randn(2, 5, 3)
    with torch.no_grad():
        pool.attention[2].weight.zero_()
        torch.testing.assert_close(pool(frames), frames.mean(1))
        # The first hidden unit sees the first feature alone: the largest takes all the weight.
        pool.attention[0].weight.zero_()
        pool.attention[0].bias.zero_()
        pool.attention[0].weight[0, 0] = 1.0
        pool.attention[2].weight[0, 0] = 1e4
        largest = frames[:, :, 0].argmax(1)
        torch.testing.assert_close(pool(frames), frames[torch.arange(2), largest])
