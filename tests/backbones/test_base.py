import dataclasses

import pytest
import torch
from torch import Tensor, nn

from earwitness.backbones.base import Backbone
from earwitness.backbones.registry import get_record
from earwitness.errors import EarwitnessError

RECORD = dataclasses.replace(get_record("yamnet"), name="toy", blocks=2, level_from=1)


class Sequences(Backbone):
    """Two blocks on states (B, T, 4)."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__(RECORD, [nn.Linear(4, 4) for _ in range(blocks)], [4] * blocks)

    def front_end(self, waveform: Tensor) -> Tensor:
        return waveform.unfold(1, 4, 4)


def test_sequences_are_pooled_over_time() -> None:
    x = torch.randn(3, 5, 4)
    backbone = Sequences()
    torch.testing.assert_close(backbone.pool(x), torch.cat([x.mean(1), x.amax(1)], 1))
    assert backbone.pool(x.bfloat16()).dtype == torch.float32
    assert backbone.frames(x) is x
    assert backbone.level_sizes() == [8]


def test_own_classes_are_scored_over_the_whole_clip() -> None:
    backbone = Sequences()
    waveform = torch.randn(3, 20)
    with pytest.raises(ValueError, match="toy has no classifier"):
        backbone.recognise(waveform)
    backbone.classifier = nn.Linear(4, 6)
    last = backbone.blocks[1](backbone.blocks[0](waveform.reshape(3, 5, 4)))
    expected = backbone.classifier(last.mean(1))
    torch.testing.assert_close(backbone.class_scores(last), expected)
    torch.testing.assert_close(backbone.recognise(waveform), expected.sigmoid())


def test_blocks_must_be_as_many_as_the_record_says() -> None:
    with pytest.raises(ValueError, match="toy: 3 blocks, not 2"):
        Sequences(3)
    with pytest.raises(EarwitnessError, match="toy has 2 blocks"):
        RECORD.boundary(3)
