"""Writing the members of one fold, and their ensemble, in all formats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save
from torch import Tensor, nn

from earwitness.ensemble import combine
from earwitness.errors import EarwitnessError
from earwitness.export.facts import VERSION, Facts, as_json
from earwitness.export.graphs import EnsembleGraph, member_graph
from earwitness.export.parity import Array, Clips, ask, compare
from earwitness.export.writing import Report, Work, write_formats
from earwitness.inference.checkpoint import CONFIG, read_checkpoint
from earwitness.inference.member import Member, load_member
from earwitness.inference.prediction import augmented
from earwitness.schema.export import ExportParams
from earwitness.store.atomic import atomic_directory, write_json

ENSEMBLE = "ensemble"
WEIGHTS = "model.safetensors"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class FittedFold:
    """A fold's ensemble, as in models/ensemble.json.

    Attributes
    ----------
    fold : int
        Its number.
    weights, temperatures : dict of str to float
        Of the members.
    tta_shifts_seconds : tuple of float
        Over which each member's logits are averaged.
    """

    fold: int
    weights: dict[str, float]
    temperatures: dict[str, float]
    tta_shifts_seconds: tuple[float, ...]


def export_fold(
    folders: Mapping[str, Path],
    fitted: FittedFold,
    read_clips: Callable[[int], Array],
    params: ExportParams,
    target: Path,
) -> dict[str, Report]:
    """Write the models of one fold.

    Of each member, and of the ensemble, there is a folder with config.json and
    model.safetensors, which `load_member` reads a member from, and beside it a file for each
    format that could be written. Why one could not stands in config.json and in what is
    returned; it is no error.

    Parameters
    ----------
    folders : mapping of str to Path
        Trained members, by name.
    fitted : FittedFold
        Their ensemble.
    read_clips : callable
        From a rate in Hz to clips (B, samples) on which files and models are compared.
    params : ExportParams
        Section ``export``.
    target : Path
        The folder to write, all of it or nothing.

    Returns
    -------
    dict
        By model and format, how far the file is from the model, or ``{"failed": reason}``.

    Raises
    ------
    EarwitnessError
        If a trained member cannot be read, or the ensemble was fitted for others.
    """
    if folders.keys() != fitted.weights.keys():
        raise EarwitnessError(
            f"the ensemble was fitted for {', '.join(fitted.weights)}, not for "
            f"{', '.join(folders)}: run `dvc repro ensemble`"
        )
    members = {name: load_member(folder, CPU) for name, folder in folders.items()}
    clips = {rate: read_clips(rate) for rate in {m.sample_rate for m in members.values()}}
    report: dict[str, Report] = {}
    with atomic_directory(target) as partial:
        for name, member in members.items():
            report[name] = _export_member(member, folders[name], fitted, clips, params, partial)
        report[ENSEMBLE] = _export_ensemble(members, folders, fitted, clips, params, partial)
    return report


def _export_member(
    member: Member, folder: Path, fitted: FittedFold, clips: Clips, params: ExportParams, out: Path
) -> Report:
    rate = member.sample_rate
    own = {rate: clips[rate]}
    expected = ask(lambda given: member.logits(given[rate]), own)
    facts = _describe(
        [member], member.name, fitted, output="logits", weights={}, tta_shifts_seconds=(0.0,)
    )
    config, state = read_checkpoint(folder)
    _write_state(out / member.name, config, state)
    again = load_member(out / member.name, CPU)
    report: Report = {
        "safetensors": compare(lambda given: again.logits(given[rate]), own, expected)
    }
    work = Work(facts, lambda: member_graph(member), expected, own)
    report |= write_formats(work, params, out)
    write_json(out / member.name / CONFIG, config | {"export": as_json(facts), "files": report})
    return report


def _export_ensemble(
    members: Mapping[str, Member],
    folders: Mapping[str, Path],
    fitted: FittedFold,
    clips: Clips,
    params: ExportParams,
    out: Path,
) -> Report:
    shifts = fitted.tta_shifts_seconds if params.time_shifts else (0.0,)
    # A weight of zero is common, and its member would cost what any other does.
    used = {n: m for n, m in members.items() if fitted.weights[n]} or dict(members)
    facts = _describe(
        list(used.values()),
        ENSEMBLE,
        fitted,
        output="log_probabilities",
        weights={name: fitted.weights[name] for name in used},
        tta_shifts_seconds=shifts,
    )
    own = {rate: clips[rate] for rate in facts.sample_rates}

    def pool(given: Clips) -> Array:
        logits = {
            name: augmented(member, given[member.sample_rate], shifts).shifted.mean(axis=1)
            for name, member in used.items()
        }
        return combine(logits, facts.weights, facts.temperatures)

    def make() -> nn.Module:
        return EnsembleGraph(used, facts.weights, facts.temperatures, shifts).eval()

    config, state = _read_together({name: folders[name] for name in used})
    _write_state(out / ENSEMBLE, config, state)
    report = write_formats(Work(facts, make, ask(pool, own), own), params, out)
    write_json(out / ENSEMBLE / CONFIG, config | {"export": as_json(facts), "files": report})
    return report


def _describe(members: Sequence[Member], model: str, fitted: FittedFold, **more: Any) -> Facts:
    first = members[0]
    return Facts(
        earwitness=VERSION,
        model=model,
        fold=fitted.fold,
        sample_rates=tuple(sorted({member.sample_rate for member in members})),
        seconds=first.seconds,
        resampler=cast(Any, first.resampler),  # checked by Facts
        classes=tuple(entry["category"] for entry in first.classes),
        targets=tuple(entry["target"] for entry in first.classes),
        temperatures={member.name: fitted.temperatures[member.name] for member in members},
        **more,
    )


def _read_together(folders: Mapping[str, Path]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read several members; the name of each tensor begins with its member's."""
    configs: dict[str, Any] = {}
    state: dict[str, Tensor] = {}
    for name, folder in folders.items():
        configs[name], tensors = read_checkpoint(folder)
        state |= {f"{name}.{key}": tensor for key, tensor in tensors.items()}
    return {"members": configs}, state


def _write_state(folder: Path, config: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    folder.mkdir()
    write_json(folder / CONFIG, config)
    packed = save({name: tensor.contiguous() for name, tensor in state.items()})
    (folder / WEIGHTS).write_bytes(packed)
