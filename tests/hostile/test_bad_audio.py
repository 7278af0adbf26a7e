"""Every kind of the corpus becomes what was declared for it, all the way to a prediction."""

import json
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness.__main__ import main
from earwitness.audio.dataset import Clip, find_clips
from earwitness.audio.decode import decode, load_clip
from earwitness.audio.find import find_audio
from earwitness.audio.prepare import prepare, store_path
from earwitness.audio.problems import printable
from earwitness.errors import EarwitnessError
from earwitness.features.spectrogram import SpectrogramFrontEnd
from earwitness.fold import read_manifest
from earwitness.inference.member import load_member
from earwitness.store.arrays import ArrayReader
from tests.hostile.conftest import AsNobody
from tests.hostile.corpus import ACCEPTED, KINDS, REFUSED, Kind, encode
from tests.trained import FEATURES, PREPARED

# What a decoder's callback raises is printed with a traceback and otherwise ignored.
pytestmark = [
    pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.uncovered,
]
OUTCOMES = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: ascii(kind.name[:40]))


def load(path: Path) -> np.ndarray:
    return load_clip(path, FEATURES.sample_rate, PREPARED.seconds, PREPARED.resampler)


def clips_of(folder: Path) -> list[Clip]:
    return [
        Clip(printable(kind.name), 1, row % 2, "ab"[row % 2], str(row), "A", folder, kind.name)
        for row, kind in enumerate(KINDS)
    ]


def prepared(folder: Path, out: Path, on_bad: Literal["fail", "drop"]) -> pd.DataFrame:
    path = out / "manifest.csv"
    prepare(clips_of(folder), [16000, 44100], PREPARED, out, path, on_bad, 2)
    return read_manifest(path)


def shown(kind: Kind) -> str:
    """A part of the name that messages show as it is."""
    return re.split(r"[^\x20-\x7e]", kind.name)[0][:60]


def test_the_corpus_is_what_it_should_be() -> None:
    assert len(KINDS) >= 40
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(kind.reason is None for kind in ACCEPTED)
    assert all(kind.reason for kind in REFUSED)


@OUTCOMES
def test_a_file_is_accepted_or_refused_with_a_reason(
    kind: Kind, corpus_folder: Path, as_nobody: AsNobody
) -> None:
    path = corpus_folder / kind.name
    with as_nobody():
        if kind.reason is None:
            waveform, rate = decode(path)
            assert waveform.ndim == 2
            assert 1000 <= rate <= 384_000
            clip = load(path)
            assert clip.shape == (16000,)
            assert np.isfinite(clip).all()
        else:
            with pytest.raises(EarwitnessError, match=kind.reason) as refused:
                load(path)
            assert shown(kind) in str(refused.value)
            assert str(refused.value).isprintable()


@pytest.fixture(scope="module")
def accepted_clips(corpus_folder: Path) -> np.ndarray:
    return np.stack([load(corpus_folder / kind.name) for kind in ACCEPTED])


def test_features_of_what_is_accepted_are_finite(accepted_clips: np.ndarray) -> None:
    front_end = SpectrogramFrontEnd(FEATURES)
    for kind, clip in zip(ACCEPTED, accepted_clips, strict=True):
        # As they are stored: float16 turns what is too large into infinity.
        features = front_end(clip).astype(FEATURES.dtype)
        assert np.isfinite(features).all(), kind.name


@pytest.mark.parametrize("member", ["spec_cnn", "yamnet"])
def test_logits_of_what_is_accepted_are_finite(
    member: str, models: Path, accepted_clips: np.ndarray
) -> None:
    logits = load_member(models / "members" / member / "fold1", torch.device("cpu")).logits(
        accepted_clips
    )
    assert logits.shape == (len(ACCEPTED), 3)
    assert np.isfinite(logits).all()


def test_preparing_names_every_bad_file_at_once(
    corpus_folder: Path, open_folder: Path, as_nobody: AsNobody
) -> None:
    out = open_folder / "fail"
    with as_nobody(), pytest.raises(EarwitnessError, match=r"data\.on_bad") as refused:
        prepared(corpus_folder, out, "fail")
    summary, *lines = str(refused.value).splitlines()
    assert summary.startswith(f"{len(REFUSED)} clips cannot be used")
    for kind, line in zip(REFUSED, lines, strict=True):
        assert shown(kind) in line
        assert re.search(str(kind.reason), line)
    assert list(out.iterdir()) == []


def test_preparing_can_leave_them_out(
    corpus_folder: Path, open_folder: Path, as_nobody: AsNobody
) -> None:
    out = open_folder / "drop"
    with as_nobody():
        manifest = prepared(corpus_folder, out, "drop")
    names = [name.removeprefix("'") for name in manifest["filename"]]  # of a formula
    assert names == [printable(kind.name) for kind in ACCEPTED]
    assert set(manifest["dropped"]) == {len(REFUSED)}
    assert np.isfinite(manifest.select_dtypes("number").to_numpy()).all()
    for rate in (16000, 44100):
        waveforms = ArrayReader(store_path(out, rate)).read("clips")
        assert waveforms.shape == (len(ACCEPTED), rate)
        assert np.isfinite(waveforms).all()


def predict(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["predict", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_predict_names_every_bad_file_at_once(
    corpus_folder: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = predict(capsys, corpus_folder, "--model", models)
    assert (code, out) == (2, "")
    summary, *lines = err.splitlines()
    # Folders are searched, not classified, and root may read what others may not.
    left_out = ("folder.wav", "unreadable.wav")
    told = [kind for kind in REFUSED if kind.name not in left_out and not kind.recording]
    assert "files cannot be used" in summary
    for kind in told:
        assert any(shown(kind) in line and re.search(str(kind.reason), line) for line in lines)
    assert len(told) <= len(lines) <= len(told) + 1


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_predict_can_leave_them_out(
    corpus_folder: Path,
    models: Path,
    form: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    arguments = (corpus_folder, "--model", models, "--on-bad", "drop", "--top", 1, "--format", form)
    code, out, _ = predict(capsys, *arguments, "--no-windows")
    assert code == 0
    assert "empty.wav is not a readable audio file" in caplog.text
    out.encode("utf-8")
    assert "\x1b" not in out
    # Root may read what others may not.
    expected = (len(ACCEPTED), len(ACCEPTED) + 1)
    if form == "json":
        probabilities = [row["probability"] for row in json.loads(out)]
        assert len(probabilities) in expected
        assert all(0 < probability <= 1 for probability in probabilities)
    else:
        assert len(out.splitlines()) - (form == "csv") in expected


@pytest.mark.parametrize("kind", [k for k in REFUSED if k.recording], ids=lambda kind: kind.name)
def test_what_is_too_long_for_a_clip_is_cut_into_windows(
    kind: Kind, corpus_folder: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (corpus_folder / kind.name, "--model", models, "--hop", 300, "--format", "json")
    code, out, _ = predict(capsys, *arguments)
    assert code == 0
    rows = json.loads(out)
    assert all(0 <= row["probability"] <= 1 for row in rows)
    windows = [row for row in rows if row["scope"] == "window" and row["rank"] == 1]
    assert [row["start"] for row in windows] == [300.0 * n for n in range(len(windows))]
    assert len(windows) == (7 if kind.name == "hours.flac" else 5)


def test_a_name_is_no_formula_in_the_csv(
    tmp_path: Path,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("=1+1.wav").write_bytes(encode("WAV"))
    code, out, _ = predict(capsys, "=1+1.wav", "--model", models, "--format", "csv", "--top", 1)
    assert code == 0
    assert out.splitlines()[1].startswith("'=1+1.wav,file,0.0,0.25,1,")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n" * 5000 + ".wav", "File name too long"),
        ("closed/a.wav", "Permission denied"),
        ("closed", "closed cannot be read: Permission denied"),
        (".", "closed cannot be read: Permission denied"),
    ],
)
def test_predict_refuses_what_it_cannot_look_at(
    name: str, message: str, open_folder: Path, models: Path, as_nobody: AsNobody
) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700, exist_ok=True)
    closed.chmod(0)
    with as_nobody(), pytest.raises(EarwitnessError, match=message):
        find_audio([str(open_folder / name)])


def test_a_data_set_of_another_user(open_folder: Path, as_nobody: AsNobody) -> None:
    root = open_folder / "other"
    (root / "inner").mkdir(parents=True)
    (root / "inner").chmod(0)
    with as_nobody(), pytest.raises(EarwitnessError, match=r"inner.* cannot be searched"):
        find_clips(root)
    root.chmod(0)
    with as_nobody(), pytest.raises(EarwitnessError, match=r"other cannot be searched.*denied"):
        find_clips(root)
