"""Classifying a person's own files with the trained ensemble."""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass
from scipy.special import log_softmax, logsumexp

from earwitness.audio.decode import load_clip
from earwitness.audio.problems import enumerate_problems, printable
from earwitness.ensemble import combine
from earwitness.errors import EarwitnessError
from earwitness.guesses import Guess
from earwitness.inference.member import Member, load_member
from earwitness.inference.prediction import augmented

FloatArray = NDArray[np.float64]
Decoded = tuple[Path, dict[int, NDArray[np.float32]]]
OnBad = Literal["fail", "drop"]
Number = Annotated[float, Field(allow_inf_nan=False)]
T = TypeVar("T")
NonEmpty = Annotated[T, Field(min_length=1)]
BATCH = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, config=ConfigDict(strict=True))
class _FittedFold:
    """What is used of a fold in ensemble.json."""

    weights: dict[str, Number]
    temperatures: dict[str, Annotated[Number, Field(gt=0)]]
    tta_shifts_seconds: NonEmpty[tuple[Number, ...]]


@dataclass(frozen=True, config=ConfigDict(strict=True))
class _Fitted:
    """What is used of ensemble.json; the members' names become folders' names."""

    members: NonEmpty[tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ...]]
    folds: NonEmpty[dict[Annotated[str, Field(pattern=r"^[0-9]{1,9}$")], _FittedFold]]


FITTED = TypeAdapter(_Fitted)


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
            fitted = FITTED.validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise EarwitnessError(
                f"{path} cannot be read: train the ensemble with `dvc repro`, fetch it with "
                "`dvc pull`, or name another folder with --model"
            ) from error
        if fold is not None and str(fold) not in fitted.folds:
            raise EarwitnessError(f"{path} has no fold {fold}: there are {', '.join(fitted.folds)}")
        chosen = fitted.folds if fold is None else {str(fold): fitted.folds[str(fold)]}
        self.folds = list(chosen.values())
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.members: list[dict[str, Member]] = [
            {
                name: load_member(directory / "members" / name / f"fold{number}", device)
                for name in fitted.members
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
                        member, waveforms[member.sample_rate], fitted.tta_shifts_seconds
                    ).shifted.mean(axis=1)
                    for name, member in members.items()
                },
                fitted.weights,
                fitted.temperatures,
            )
            for members, fitted in zip(self.members, self.folds, strict=True)
        ]
        mean: FloatArray = log_softmax(logsumexp(by_fold, axis=0), axis=1)
        return mean


def _decode(files: Sequence[Path], ensemble: Ensemble, on_bad: OnBad) -> Iterator[Decoded]:
    """Decode files at all rates; what is wrong with any is told after the last."""
    model = ensemble.any_member
    problems: list[str] = []
    for path in files:
        try:
            clip = {
                rate: load_clip(path, rate, model.seconds, model.resampler)
                for rate in ensemble.sample_rates
            }
        except EarwitnessError as error:
            problems.append(str(error))
        else:
            yield path, clip
    if problems:
        told = f"{len(problems)} of {len(files)} files cannot be used:\n"
        told = problems[0] if len(files) == 1 else told + enumerate_problems(problems)
        if on_bad == "fail" or len(problems) == len(files):
            raise EarwitnessError(told)
        log.warning("%s", told)


def _batches(
    clips: Iterator[Decoded], ensemble: Ensemble
) -> Iterator[tuple[Sequence[Path], FloatArray]]:
    while batch := list(islice(clips, BATCH)):
        waveforms = {
            rate: np.stack([clip[rate] for _, clip in batch]) for rate in ensemble.sample_rates
        }
        yield [path for path, _ in batch], ensemble.log_probs(waveforms)


def classify_files(
    files: Sequence[Path],
    directory: Path,
    fold: int | None,
    top: int,
    on_bad: OnBad = "fail",
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
    on_bad : {"fail", "drop"}
        Whether files that cannot be decoded are an error or left out with a warning; either
        names them all.

    Returns
    -------
    list of Guess
        `top` rows a file, the likeliest first.

    Raises
    ------
    EarwitnessError
        If there is no trained ensemble, or files cannot be decoded.
    """
    ensemble = Ensemble(directory, fold)
    categories = [entry["category"] for entry in ensemble.any_member.classes]
    guesses = []
    for batch, log_probs in _batches(_decode(files, ensemble, on_bad), ensemble):
        for path, row in zip(batch, log_probs, strict=True):
            best = np.argsort(-row, kind="stable")[:top]
            guesses += [
                Guess(printable(path), rank, categories[index], round(float(np.exp(row[index])), 6))
                for rank, index in enumerate(best, start=1)
            ]
    return guesses
