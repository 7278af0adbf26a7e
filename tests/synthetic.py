"""A data set synthesised on the spot, in the layout of ESC-50.

Each class is a way of making sound (`MAKERS`); each source recording draws its own pitch, tempo
and colour; each take of a recording draws its own onset, level and noise. So a class varies as
real ones do, takes of one recording resemble one another, and no two files are equal.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy import signal

Maker = Callable[[np.ndarray, np.random.Generator, np.random.Generator], np.ndarray]


def whistle(t: np.ndarray, recording: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    """A harmonic tone with vibrato, swelling and fading."""
    pitch_hz = recording.uniform(250, 700)
    vibrato_hz, depth = recording.uniform(3, 8), recording.uniform(0.01, 0.05)
    phase = 2 * np.pi * pitch_hz * t
    phase -= depth * pitch_hz / vibrato_hz * np.cos(2 * np.pi * vibrato_hz * t + take.uniform(0, 6))
    tone = sum(recording.uniform(0.3, 1) / k * np.sin(k * phase) for k in range(1, 6))
    return tone * (1 + 0.5 * np.sin(2 * np.pi * recording.uniform(0.2, 1) * t + take.uniform(0, 6)))


def gusts(t: np.ndarray, recording: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    """Bursts of band-limited noise."""
    rate = 1 / (t[1] - t[0])
    low_hz = recording.uniform(300, 1500)
    band = signal.butter(
        2, [low_hz, low_hz * recording.uniform(1.5, 2.5)], "bandpass", fs=rate, output="sos"
    )
    noise = signal.sosfilt(band, take.standard_normal(t.size))
    tempo_hz = recording.uniform(0.8, 3)
    return noise * np.clip(np.sin(2 * np.pi * tempo_hz * t + take.uniform(0, 6)), 0, None) ** 2


def sweeps(t: np.ndarray, recording: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    """Rising chirps, one after the other."""
    start_hz, span_hz = recording.uniform(1500, 3000), recording.uniform(1500, 3500)
    period = recording.uniform(0.15, 0.6)
    u = (t + take.uniform(0, period)) % period
    return np.sin(2 * np.pi * (start_hz * u + span_hz * u**2 / (2 * period))) * (1 - u / period)


def ticks(t: np.ndarray, recording: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    """Clicks at a steady tempo, each with a short ring."""
    period, ring_hz = recording.uniform(0.1, 0.5), recording.uniform(2500, 6000)
    u = (t + take.uniform(0, period)) % period
    return np.exp(-u * recording.uniform(150, 400)) * np.cos(2 * np.pi * ring_hz * u)


# Targets have gaps, as those of a subset of ESC-50 have.
MAKERS: tuple[tuple[int, str, Maker], ...] = (
    (0, "whistle", whistle),
    (3, "gusts", gusts),
    (12, "sweeps", sweeps),
    (40, "ticks", ticks),
)


def write_dataset(
    root: Path,
    *,
    classes: int = 3,
    folds: int = 3,
    clips_per_fold_class: int = 2,
    rate: int = 16000,
    seconds: float = 5.0,
    seed: int = 0,
) -> Path:
    """Write WAV files and their CSV.

    Of every five files one is 44.1 kHz, one stereo and one of an odd length; all are 16-bit.
    Takes come in pairs: clips 2i and 2i + 1 of a fold and class share a source recording.

    Parameters
    ----------
    root : Path
        Folder to write ``meta/esc50.csv`` and ``audio/`` in.
    classes : int
        The first so many of `MAKERS`.
    folds, clips_per_fold_class : int
        Numbers of folds (1, 2, ...) and of clips of each class in each.
    rate : int
        Sample rate of most files, in Hz.
    seconds : float
        Length of most files.
    seed : int
        The same seed, the same bytes.

    Returns
    -------
    Path
        `root`.
    """
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    rows = []
    for fold in range(1, folds + 1):
        for target, category, maker in MAKERS[:classes]:
            for clip in range(clips_per_fold_class):
                source = 100000 * fold + 100 * target + clip // 2
                take = "AB"[clip % 2]
                name = f"{fold}-{source}-{take}-{target}.wav"
                # From 1: numpy takes a trailing 0 for no entry, which would repeat `recording`.
                seeds = (seed, source, 1 + clip % 2)
                _write_clip(root / "audio" / name, maker, len(rows), rate, seconds, seeds)
                rows.append([name, fold, target, category, target % 2 == 0, source, take])
    with (root / "meta" / "esc50.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        writer.writerows(rows)
    return root


def _write_clip(
    path: Path, maker: Maker, number: int, rate: int, seconds: float, seeds: tuple[int, int, int]
) -> None:
    recording = np.random.default_rng(seeds[:2])
    take = np.random.default_rng(seeds)
    if number % 5 == 1:
        rate = 44100
    frames = round(rate * seconds) + (-977 if number % 5 == 3 else 0)
    t = np.arange(frames) / rate
    waveform = maker(t, recording, take)
    waveform = waveform / np.abs(waveform).max() * take.uniform(0.2, 0.9)
    waveform = waveform + 0.002 * take.standard_normal(frames)
    if number % 5 == 2:
        waveform = np.stack([waveform, 0.7 * waveform], axis=1)  # (frames, 2)
    sf.write(path, np.clip(waveform, -1, 1), rate, subtype="PCM_16")
