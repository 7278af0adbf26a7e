"""From a file to its logits, prediction goes the way of evaluation."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from earwitness.audio.dataset import Clip, find_clips
from earwitness.audio.prepare import prepare, store_path
from earwitness.audio.windows import choose_windows, read_excerpts
from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.weights import load_backbone
from earwitness.classify.files import classify_files
from earwitness.ensemble import combine
from earwitness.inference.checkpoint import write_checkpoint
from earwitness.inference.member import load_member
from earwitness.inference.prediction import predict_fold
from earwitness.prediction import Ensemble
from earwitness.schema.finetune import HeadParams
from earwitness.schema.predict import PredictParams
from earwitness.schema.prepare import PrepareParams
from earwitness.store.arrays import ArrayReader
from tests.trained import CLASSES

DEMO = Path(__file__).parents[2] / "demo" / "esc10-mini"
CPU = torch.device("cpu")


def evaluated(models: Path, clips: list[Clip], seconds: float, work: Path) -> np.ndarray:
    """Log-probabilities by the stages prepare, predict and ensemble."""
    fitted = json.loads((models / "ensemble.json").read_text())
    fold = fitted["folds"]["1"]
    members = {
        name: load_member(models / "members" / name / "fold1", CPU) for name in fold["weights"]
    }
    rates = sorted({member.sample_rate for member in members.values()})
    params = PrepareParams(seconds, "HQ")
    prepare(clips, rates, params, work, work / "manifest.csv", "fail", workers=1)
    logits = {}
    for name, member in members.items():
        out = work / name / "fold1.h5"
        with ArrayReader(store_path(work, member.sample_rate)) as store:
            shifts = tuple(fold["tta_shifts_seconds"])
            rows = np.arange(len(clips))
            predict_fold({"test": member}, store, {"test": rows}, PredictParams(shifts, 16), out)
        with ArrayReader(out) as store:
            logits[name] = store.read("test_shifted").mean(axis=1)
    return combine(logits, fold["weights"], fold["temperatures"])


def assert_equal_to_evaluation(models: Path, clips: list[Clip], seconds: float, work: Path) -> None:
    expected = evaluated(models, clips, seconds, work)
    files = [clip.path for clip in clips]
    ensemble = Ensemble(models, 1)
    windowing = choose_windows(None, None, seconds)
    rates = sorted(ensemble.sample_rates)
    excerpts = [list(read_excerpts(file, rates, seconds, "HQ", windowing)) for file in files]
    assert all(len(of_file) == 1 for of_file in excerpts)
    waveforms = {r: np.stack([one[0].waveforms[r] for one in excerpts]) for r in rates}
    np.testing.assert_allclose(ensemble.log_probs(waveforms), expected, atol=1e-5, rtol=1e-5)

    few = [str(file) for file in files[:8]]
    guesses = classify_files(few, ensemble, windowing, len(CLASSES), workers=2)
    said = {(g.file, g.label): g.probability for g in guesses}
    assert len(said) == len(few) * len(CLASSES)
    for file, row in zip(few, np.exp(expected[:8]), strict=True):
        for entry, probability in zip(CLASSES, row, strict=True):
            assert said[file, entry["category"]] == pytest.approx(probability, abs=1e-5)


def test_files_get_the_logits_of_evaluation(models: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clips = []
    cases = [(16000, 1.0, 1), (44100, 1.0, 2), (22050, 0.4, 1), (8000, 1.09, 1), (48000, 1.02, 2)]
    for row, (rate, seconds, channels) in enumerate(cases * 2):
        path = tmp_path / f"{row}.wav"
        sf.write(path, rng.normal(0, 0.1, (round(rate * seconds), channels)), rate)
        clips.append(Clip(path.name, 1, 0, "dog", str(row), "A", tmp_path, path.name))
    assert_equal_to_evaluation(models, clips, 1.0, tmp_path / "work")


@pytest.mark.slow
def test_50_real_clips_get_the_logits_of_evaluation(
    tmp_path: Path, convert_published: Callable[[str], Path]
) -> None:
    """Every pretrained member with its published weights; a head that nobody trained will do."""
    models, names = tmp_path / "models", ("yamnet", "aisfx", "mn04")
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        backbone = load_backbone(name, convert_published(name))
        head = HeadParams(attention_hidden=8, dropout=0.1)
        config = {
            **{"member": name, "kind": "backbone", "backbone": name, "layers": "weighted"},
            **{"sample_rate": backbone.record.sample_rate, "seconds": 5.0, "resampler": "HQ"},
            **{"unfrozen": 2, "classes": CLASSES, "head": asdict(head)},
        }
        model = PretrainedClassifier(backbone, 2, len(CLASSES), head, "weighted")
        torch.nn.init.normal_(model.head.attended.weight, std=0.1)
        write_checkpoint(
            models / "members" / name / "fold1", config, {"model": model.state_dict()}, []
        )
    fitted = {
        "weights": {"yamnet": 0.3, "aisfx": 0.2, "mn04": 0.6},
        "temperatures": {"yamnet": 0.6, "aisfx": 0.9, "mn04": 0.7},
        "tta_shifts_seconds": [0.0, -0.15],
    }
    content = {"members": names, "folds": {"1": fitted}}
    (models / "ensemble.json").write_text(json.dumps(content))
    clips, _ = find_clips(DEMO)
    assert_equal_to_evaluation(models, clips[::2], 5.0, tmp_path / "work")
