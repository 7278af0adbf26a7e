"""A page on made-up predictions, with clips to play."""

from pathlib import Path

import numpy as np
import pytest

from earwitness.evaluation.scores import HeldOutScores
from earwitness.labels import ClassEntry
from earwitness.report.clips import write_clips
from earwitness.report.page import render_page
from earwitness.report.payload import build_payload
from earwitness.store.arrays import ArrayWriter

EVIL = '</script><img src=x onerror="document.body.dataset.evil=1">'
CLIPS, SAMPLES, RATE = 60, 8000, 16000


def make_scores(clips: int, classes: int, members: int) -> HeldOutScores:
    rng = np.random.default_rng(0)
    targets = np.arange(clips) % classes

    def logits(skill: float) -> np.ndarray:
        noise = rng.normal(size=(clips, classes))
        return (noise + skill * np.eye(classes)[targets]).astype(np.float32)

    plain = {f"member_{number}": logits(1.0) for number in range(members)}
    pooled = sum(plain.values())
    log_probs = pooled - np.log(np.exp(pooled).sum(axis=1, keepdims=True))
    return HeldOutScores(
        rows=np.arange(clips),
        fold=1 + np.arange(clips) % 5,
        targets=targets,
        plain=plain,
        tta=plain,
        ensemble=log_probs,
        uniform=log_probs,
        parameters=dict.fromkeys(plain, 1),
    )


def make_classes(count: int) -> list[ClassEntry]:
    categories = [EVIL, *(f"class_{index}" for index in range(1, count))]
    return [{"target": index, "category": name} for index, name in enumerate(categories)]


@pytest.fixture(scope="session")
def scores() -> HeldOutScores:
    return make_scores(CLIPS, 4, 2)


@pytest.fixture(scope="session")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "audio_16000.h5"
    layout = {"clips": ((CLIPS, SAMPLES), "float32")}
    t = np.arange(SAMPLES) / RATE
    with ArrayWriter(path, layout, {"sample_rate": RATE}) as writer:
        for row in range(CLIPS):
            # One goes beyond full scale, one is silent.
            loud = {3: 1.7, 4: 0.0}.get(row, 0.5)
            writer.write("clips", row, loud * np.sin(2 * np.pi * (300 + 20 * row) * t))
    return path


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, scores: HeldOutScores, audio: Path) -> Path:
    folder = tmp_path_factory.mktemp("page") / "report"
    write_clips(audio, folder / "clips")
    names = [f"{row} {EVIL}.wav" for row in range(CLIPS)]
    page = render_page(build_payload(scores, names, make_classes(4), f"set {EVIL}"))
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder
