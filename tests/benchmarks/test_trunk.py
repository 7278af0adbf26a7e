"""The comparison compares like with like."""

import sys

import pytest

from benchmarks import trunk
from tests.backbones.speech_models import shrink


def test_both_ways_train_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, "WAV2VEC2_BASE")
    result = trunk.measure("wav2vec2_base", clips=4, seconds=0.5, unfrozen=1, batch=2)
    assert result.before < 1e-5
    assert result.after < 1e-5
    assert min(result.store_seconds, result.stored_seconds, result.whole_seconds) > 0


def test_the_comparison_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink(monkeypatch, "WAV2VEC2_BASE")
    monkeypatch.setattr(sys, "argv", ["trunk", "--quick", "--unfreeze", "2"])
    trunk.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "wav2vec2_base, 2 layers trained, 4 clips of 0.5 s, processor time"
    assert [line.split()[0] for line in lines[1:]] == ["building", "an", "an", "ratio", "largest"]
