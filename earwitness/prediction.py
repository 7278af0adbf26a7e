"""Classifying a person's own files with the trained ensemble."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from earwitness.audio.decode import load_clip
from earwitness.audio.files import has_suffix
from earwitness.ensemble import combine
from earwitness.errors import EarwitnessError
from earwitness.inference.member import Member, load_member
from earwitness.inference.prediction import augmented

FloatArray = NDArray[np.float64]
BATCH = 16


@dataclass(frozen=True)
class Guess:
    """One class for one file.

    Attributes
    ----------
    file : str
        The file as it was named or found.
    rank : int
        From 1.
    label : str
        Category.
    probability : float
        Of the ensemble, in [0, 1].
    """

    file: str
    rank: int
    label: str
    probability: float


def find_audio(paths: Sequence[Path]) -> list[Path]:
    """List files, and the audio files below folders.

    Parameters
    ----------
    paths : sequence of Path
        Files are taken whatever their name; folders are searched for audio files by their
        ending, hidden ones left out.

    Returns
    -------
    list of Path
        In the order given, folders sorted.

    Raises
    ------
    EarwitnessError
        If a path does not exist, or nothing was found.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = (
                file
                for file in path.rglob("*")
                if has_suffix(file.name) and not file.name.startswith(".") and file.is_file()
            )
            files += sorted(found)
        elif path.is_file():
            files.append(path)
        else:
            raise EarwitnessError(f"{path} does not exist")
    if not files:
        raise EarwitnessError(f"no audio files below {', '.join(map(str, paths))}")
    return files


class Ensemble:
    """The ensembles of all folds, loaded from disk.

    Parameters
    ----------
    directory : Path
        Folder with ensemble.json and members/.
    fold : int or None
        One fold's models, or those of all folds.

    Raises
    ------
    EarwitnessError
        If the folder holds no trained ensemble, or not that fold.
    """

    def __init__(self, directory: Path, fold: int | None) -> None:
        path = directory / "ensemble.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EarwitnessError(
                f"{path} cannot be read: train the ensemble with `dvc repro`, fetch it with "
                "`dvc pull`, or name another folder with --model"
            ) from error
        if fold is not None and str(fold) not in content["folds"]:
            raise EarwitnessError(
                f"{path} has no fold {fold}: there are {', '.join(content['folds'])}"
            )
        chosen = content["folds"] if fold is None else {str(fold): content["folds"][str(fold)]}
        self.folds = list(chosen.values())
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.members: list[dict[str, Member]] = [
            {
                name: load_member(directory / "members" / name / f"fold{number}", device)
                for name in content["members"]
            }
            for number in chosen
        ]

    @property
    def any_member(self) -> Member:
        """A member, for what all have in common."""
        return next(iter(self.members[0].values()))

    @property
    def sample_rates(self) -> set[int]:
        """Rates at which the members read waveforms, in Hz."""
        return {member.sample_rate for member in self.members[0].values()}

    def log_probs(self, waveforms: dict[int, NDArray[np.float32]]) -> FloatArray:
        """Classify clips as the evaluation did, with its time shifts.

        Parameters
        ----------
        waveforms : dict of int to np.ndarray [shape=(B, samples)]
            The clips at each of `sample_rates`.

        Returns
        -------
        np.ndarray [shape=(B, classes)]
            Log-probabilities; over folds, the logarithm of the mean probability.
        """
        by_fold = [
            combine(
                {
                    name: augmented(
                        member, waveforms[member.sample_rate], fitted["tta_shifts_seconds"]
                    ).shifted.mean(axis=1)
                    for name, member in members.items()
                },
                fitted["weights"],
                fitted["temperatures"],
            )
            for members, fitted in zip(self.members, self.folds, strict=True)
        ]
        mean: FloatArray = log_softmax(logsumexp(by_fold, axis=0), axis=1)
        return mean


def _batches(
    files: Sequence[Path], ensemble: Ensemble
) -> Iterator[tuple[Sequence[Path], FloatArray]]:
    model = ensemble.any_member
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        waveforms = {
            rate: np.stack([load_clip(p, rate, model.seconds, model.resampler) for p in batch])
            for rate in ensemble.sample_rates
        }
        yield batch, ensemble.log_probs(waveforms)


def classify_files(
    files: Sequence[Path], directory: Path, fold: int | None, top: int
) -> list[Guess]:
    """Classify files.

    Parameters
    ----------
    files : sequence of Path
        Audio files of any rate and length that soundfile decodes.
    directory : Path
        Folder with ensemble.json and members/.
    fold : int or None
        One fold's models, or those of all folds.
    top : int
        Classes a file.

    Returns
    -------
    list of Guess
        `top` rows a file, the likeliest first.

    Raises
    ------
    EarwitnessError
        If there is no trained ensemble, or a file cannot be decoded.
    """
    ensemble = Ensemble(directory, fold)
    categories = [entry["category"] for entry in ensemble.any_member.classes]
    guesses = []
    for batch, log_probs in _batches(files, ensemble):
        for path, row in zip(batch, log_probs, strict=True):
            best = np.argsort(-row, kind="stable")[:top]
            guesses += [
                Guess(str(path), rank, categories[index], round(float(np.exp(row[index])), 6))
                for rank, index in enumerate(best, start=1)
            ]
    return guesses


def render(guesses: Sequence[Guess], form: str) -> str:
    """Lay out guesses as text.

    Parameters
    ----------
    guesses : sequence of Guess
        As `classify_files` returns them.
    form : {"table", "csv", "json"}
        The format.

    Returns
    -------
    str
        Ending in a newline.
    """
    if form == "table":
        width = max(len(guess.file) for guess in guesses)
        lines = [
            f"{guess.file if guess.rank == 1 else '':<{width}}  "
            f"{guess.probability:6.3f}  {guess.label}"
            for guess in guesses
        ]
        return "\n".join(lines) + "\n"
    table = pd.DataFrame([vars(guess) for guess in guesses])
    if form == "csv":
        return str(table.to_csv(index=False, lineterminator="\n"))
    return json.dumps(table.to_dict("records"), indent=2, ensure_ascii=False) + "\n"
