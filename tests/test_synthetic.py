"""The synthetic data set is worth testing on: repeatable, varied, learnable."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from tests.synthetic import MAKERS, write_dataset


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(
        tmp_path_factory.mktemp("synthetic") / "set",
        classes=4,
        folds=2,
        clips_per_fold_class=6,
        seconds=2.0,
    )


@pytest.fixture(scope="module")
def table(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "meta" / "esc50.csv")


def waveform(path: Path) -> tuple[np.ndarray, int]:
    samples, rate = sf.read(path, always_2d=True)
    return samples.mean(axis=1), rate


def shape_of_sound(path: Path) -> np.ndarray:
    """Spectral centroid and spread (in octaves), flatness, and how peaky the envelope is."""
    samples, rate = waveform(path)
    power = np.abs(np.fft.rfft(samples)) ** 2
    octaves = np.log2(np.fft.rfftfreq(samples.size, 1 / rate) + 1)
    power = np.where(octaves < np.log2(8000), power, 0)
    share = power / power.sum()
    centroid = (share * octaves).sum()
    spread = np.sqrt((share * (octaves - centroid) ** 2).sum())
    band = power[power > 0]
    flatness = np.log(band).mean() - np.log(band.mean())
    frames = np.abs(samples[: samples.size // 160 * 160]).reshape(-1, 160).mean(axis=1)
    return np.array([centroid, spread, flatness, np.log(frames.max() / frames.mean())])


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (
        write_dataset(tmp_path / name, seconds=0.5, seed=seed)
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    )
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert len(names) == 3 * 3 * 2 + 1
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)
    audio = [name for name in names if name.suffix == ".wav"]
    assert all((first / name).read_bytes() != (other / name).read_bytes() for name in audio)


def test_the_table_describes_the_files(root: Path, table: pd.DataFrame) -> None:
    assert len(table) == 2 * 4 * 6
    assert sorted(table.filename) == sorted(p.name for p in (root / "audio").iterdir())
    assert (table.groupby(["fold", "target"]).size() == 6).all()
    assert dict(zip(table.target, table.category, strict=True)) == {
        target: category for target, category, _ in MAKERS
    }
    takes = table.groupby("src_file").agg({"take": "".join, "fold": "nunique"})
    assert (takes["take"] == "AB").all()
    assert (takes["fold"] == 1).all()


def test_files_differ_in_rate_channels_and_length(root: Path) -> None:
    infos = [sf.info(path) for path in sorted((root / "audio").iterdir())]
    assert {info.samplerate for info in infos} == {16000, 44100}
    assert {info.channels for info in infos} == {1, 2}
    assert len({info.frames for info in infos}) == 3
    assert {info.subtype for info in infos} == {"PCM_16"}


def test_recordings_of_a_class_vary_and_takes_of_one_resemble_each_other(
    root: Path, table: pd.DataFrame
) -> None:
    shapes = np.stack([shape_of_sound(root / "audio" / name) for name in table.filename])
    for _, rows in table.groupby("target"):
        within = [np.ptp(shapes[g.index, 0]) for _, g in rows.groupby("src_file")]
        assert np.mean(within) < np.ptp(shapes[rows.index, 0])
        assert np.ptp(shapes[rows.index, 0]) > 0.1  # octaves


def test_a_simple_classifier_beats_chance_across_folds(root: Path, table: pd.DataFrame) -> None:
    shapes = np.stack([shape_of_sound(root / "audio" / name) for name in table.filename])
    train = (table.fold == 1).to_numpy()
    shapes = (shapes - shapes[train].mean(0)) / shapes[train].std(0)
    targets = table.target.to_numpy()
    known = np.unique(targets)
    means = np.stack([shapes[train & (targets == target)].mean(0) for target in known])
    distances = ((shapes[~train, None] - means) ** 2).sum(-1)  # (n, classes)
    accuracy = (known[distances.argmin(1)] == targets[~train]).mean()
    assert accuracy >= 0.6  # chance is 0.25
