"""The trained ensemble, loaded to classify new clips."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from scipy.special import log_softmax, logsumexp

from earwitness.ensemble import combine
from earwitness.errors import EarwitnessError
from earwitness.inference.member import Member, load_member
from earwitness.inference.shared import SharedMember
from earwitness.schema.problems import describe

FloatArray = NDArray[np.float64]
Clips = NDArray[np.float32]
Number = Annotated[float, Field(allow_inf_nan=False)]
T = TypeVar("T")
NonEmpty = Annotated[T, Field(min_length=1)]
MAX_WORKERS = 16  # each holds the activations of a batch


@dataclass(frozen=True, config=ConfigDict(strict=True))
class _FittedFold:
    """What is used of a fold in ensemble.json."""

    weights: NonEmpty[dict[str, Annotated[Number, Field(ge=0)]]]
    temperatures: dict[str, Annotated[Number, Field(gt=0)]]
    tta_shifts_seconds: NonEmpty[tuple[Number, ...]]


@dataclass(frozen=True, config=ConfigDict(strict=True))
class _Fitted:
    """What is used of ensemble.json; the members' names become folders' names."""

    members: NonEmpty[tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ...]]
    folds: NonEmpty[dict[Annotated[str, Field(pattern=r"^[0-9]{1,9}$")], _FittedFold]]


FITTED = TypeAdapter(_Fitted)


class Ensemble:
    """The ensemble of one fold, or those of all, loaded from disk.

    Parameters
    ----------
    directory : Path
        Folder with ensemble.json and members/.
    fold : int or str
        Whose models: those of the fold with this number, of the "first" that was fitted, or of
        "all" folds.
    members : sequence of str or None
        Only these members; None: all of them. One alone has the weight 1, which leaves its
        probabilities as its temperature makes them; the weights of several are scaled up until
        they sum to 1, if they sum to less. Several without any weight share 1 equally.
    shifts : bool
        Whether to average over the time shifts that were fitted, as evaluation does.

    Raises
    ------
    EarwitnessError
        If the folder holds no trained ensemble, or not that fold or member.
    """

    def __init__(
        self,
        directory: Path,
        fold: int | str,
        *,
        members: Sequence[str] | None = None,
        shifts: bool = True,
    ) -> None:
        fitted, chosen = _read(directory / "ensemble.json", fold)
        names = _known(members, fitted, directory) if members else fitted.members
        self.folds = [_pool(part, fitted.members, names) for part in chosen.values()]
        if not shifts:
            self.folds = [replace(part, tta_shifts_seconds=(0.0,)) for part in self.folds]
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        wanted = [
            (name, place, directory / "members" / name / f"fold{number}")
            for name in names
            for place, (number, part) in enumerate(zip(chosen, self.folds, strict=True))
            if name in part.weights
        ]
        with ThreadPoolExecutor(2) as pool:
            loaded = list(pool.map(lambda item: load_member(item[2], device), wanted))
        self.any_member: Member = loaded[0]
        self._shared: dict[str, tuple[list[int], SharedMember]] = {}
        for name in dict.fromkeys(name for name, *_ in wanted):
            own = [index for index, item in enumerate(wanted) if item[0] == name]
            places = [wanted[index][1] for index in own]
            self._shared[name] = places, SharedMember([loaded[index] for index in own])

    @property
    def sample_rates(self) -> set[int]:
        """Rates at which the members read waveforms, in Hz."""
        return {member.sample_rate for _, member in self._shared.values()}

    @property
    def seconds(self) -> float:
        """Length of the clips that the members read."""
        return self.any_member.seconds

    @property
    def resampler(self) -> str:
        """Soxr quality of their resampling."""
        return self.any_member.resampler

    @property
    def categories(self) -> list[str]:
        """Classes, in the order of the log-probabilities."""
        return [entry["category"] for entry in self.any_member.classes]

    def log_probs(self, waveforms: Mapping[int, Clips]) -> FloatArray:
        """Classify clips.

        Parameters
        ----------
        waveforms : mapping of int to np.ndarray [shape=(B, samples)]
            The clips at each of `sample_rates`.

        Returns
        -------
        np.ndarray [shape=(B, classes)]
            Log-probabilities; over folds, the logarithm of the mean probability.
        """
        logits: list[dict[str, Clips]] = [{} for _ in self.folds]
        for name, (places, member) in self._shared.items():
            clips = waveforms[member.sample_rate]
            for place, values in self._shifted(places, member, clips).items():
                logits[place][name] = values
        by_fold = [
            combine(own, part.weights, part.temperatures)
            for own, part in zip(logits, self.folds, strict=True)
        ]
        mean: FloatArray = log_softmax(logsumexp(by_fold, axis=0), axis=1)
        return mean

    def _shifted(
        self, places: Sequence[int], member: SharedMember, clips: Clips
    ) -> dict[int, Clips]:
        """Logits (B, classes) by place of a fold, each the mean over that fold's shifts."""
        wanted = {place: self.folds[place].tta_shifts_seconds for place in places}
        said: dict[int, list[Clips]] = {place: [] for place in places}
        inputs = member.read(clips)
        for shift in dict.fromkeys(shift for shifts in wanted.values() for shift in shifts):
            own = [index for index, place in enumerate(places) if shift in wanted[place]]
            for index, values in zip(own, member.logits(inputs, own, shift), strict=True):
                said[places[index]].append(values)
        return {place: np.stack(by_shift, axis=1).mean(axis=1) for place, by_shift in said.items()}


def share_cores() -> int:
    """Give each batch one core from now on: threads side by side beat threads within a batch.

    Returns
    -------
    int
        How many batches to classify at a time.
    """
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    return max(1, min(cores, MAX_WORKERS))


def _read(path: Path, fold: int | str) -> tuple[_Fitted, dict[str, _FittedFold]]:
    try:
        fitted = FITTED.validate_json(path.read_bytes())
    except OSError as error:
        raise EarwitnessError(
            f"{path} cannot be read ({error.strerror}): train the ensemble with `dvc repro`, or "
            "name another folder with --model"
        ) from error
    except ValidationError as error:
        first = describe(error, _Fitted)[0].lstrip(": ")  # of the whole, it has no path
        raise EarwitnessError(
            f"{path} is damaged ({first}): write it with `dvc repro ensemble`"
        ) from error
    if fold == "all":
        return fitted, fitted.folds
    number = next(iter(fitted.folds)) if fold == "first" else str(fold)
    if number not in fitted.folds:
        raise EarwitnessError(
            f"{path} has no fold {fold}: there are {', '.join(fitted.folds)}, and all for "
            "their mean"
        )
    return fitted, {number: fitted.folds[number]}


def _known(members: Sequence[str], fitted: _Fitted, directory: Path) -> Sequence[str]:
    for name in members:
        if name not in fitted.members:
            raise EarwitnessError(
                f"the ensemble in {directory} has no member {name!r}: there are "
                f"{', '.join(fitted.members)}"
            )
    return tuple(dict.fromkeys(members))


def _pool(fold: _FittedFold, members: Sequence[str], names: Sequence[str]) -> _FittedFold:
    """Keep what `names` weigh: members without weight change nothing and need not be run."""
    if not set(members) == fold.weights.keys() == fold.temperatures.keys():
        raise EarwitnessError(
            f"the ensemble was fitted for {', '.join(fold.weights)}, not for "
            f"{', '.join(members)}: run `dvc repro ensemble`"
        )
    weights = {name: fold.weights[name] for name in names if fold.weights[name]}
    if len(names) < len(members):
        own = sum(weights.values())
        # Fitted weights may sum to more than 1, for members that err differently are surer
        # together. One alone, or what is left without the strongest, is not.
        total = max(own, 1.0) if len(weights) > 1 else 1.0
        weights = {name: weight / own * total for name, weight in weights.items()}
    # Members that fitting gave no weight still have opinions of their own.
    weights = weights or dict.fromkeys(names, 1.0 / len(names))
    return replace(
        fold, weights=weights, temperatures={name: fold.temperatures[name] for name in weights}
    )
