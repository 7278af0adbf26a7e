"""The whole of params.yaml as one type, and the checks between its sections.

Only `stages.params` loads this module, by name, so that a stage does not depend on sections
that it does not read.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from earwitness.backbones.registry import NAMES, get_record, looks_like_bundle
from earwitness.errors import EarwitnessError
from earwitness.schema import nets
from earwitness.schema.base import STRICT
from earwitness.schema.data import DataParams
from earwitness.schema.ensemble import EnsembleParams
from earwitness.schema.evaluate import EvaluateParams
from earwitness.schema.export import ExportParams
from earwitness.schema.features import AnyFeatures
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.model import ModelParams
from earwitness.schema.predict import PredictParams
from earwitness.schema.prepare import PrepareParams
from earwitness.schema.problems import describe, suggest
from earwitness.schema.repro import ReproParams
from earwitness.schema.runtime import RuntimeParams
from earwitness.schema.splits import SplitParams
from earwitness.schema.train import TrainParams
from earwitness.schema.trunk import TrunkParams
from earwitness.schema.tsne import TsneParams
from earwitness.schema.weights import WeightsParams
from stages.document import join, read_document

# Keys of metrics/summary.json and columns of the tables beside the members' own.
RESERVED = ("dataset", "ensemble", "uniform")


@dataclass(frozen=True, config=STRICT)
class Root:
    """Everything in params.yaml.

    Attributes
    ----------
    seed : int
        Of every draw.
    folds : tuple of int
        The test folds.
    members : tuple of str
        The networks and backbones of `model`, i.e. the members of the ensemble.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)]  # torch takes 64 bits, and epochs are mixed in
    folds: tuple[int, ...]
    members: tuple[str, ...]
    model: ModelParams
    runtime: RuntimeParams
    data: DataParams
    prepare: PrepareParams
    splits: SplitParams
    features: dict[str, AnyFeatures]
    weights: WeightsParams
    trunk: TrunkParams
    train: dict[str, TrainParams]
    finetune: dict[str, FinetuneParams]
    predict: PredictParams
    ensemble: EnsembleParams
    evaluate: EvaluateParams
    tsne: TsneParams
    export: ExportParams
    repro: ReproParams


def load(path: Path) -> Root:
    """Read and check a parameter file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Root
        Its content.

    Raises
    ------
    EarwitnessError
        If anything in the file is wrong; the message lists everything that is.
    """
    content = read_document(path)
    nets, problems = _parse_nets(content.get("train"))
    try:
        # As JSON: only there does pydantic's strict mode take lists for tuples.
        root = TypeAdapter(Root).validate_json(json.dumps(content))
    except ValidationError as error:
        raise EarwitnessError(f"{path}: {join(describe(error, Root) + problems)}") from None
    problems += _check(root)
    if problems:
        raise EarwitnessError(f"{path}: {join(problems)}")
    train = {name: dataclasses.replace(root.train[name], net=net) for name, net in nets.items()}
    return dataclasses.replace(root, train=train)


def _parse_nets(train: Any) -> tuple[dict[str, Any], list[str]]:
    """Type the ``net`` section of each network; what else is wrong is `Root`'s to tell."""
    settings: dict[str, Any] = {}
    problems: list[str] = []
    for name, block in train.items() if isinstance(train, Mapping) else ():
        params = _net_params(name)
        if params is None:
            hint = suggest(name, _networks())
            problems.append(f"train.{name}: no network is called {name!r}{hint}")
        elif isinstance(block, Mapping) and "net" in block:
            try:
                settings[name] = TypeAdapter(params).validate_json(json.dumps(block["net"]))
            except ValidationError as error:
                problems += describe(error, params, ("train", name, "net"))
    return settings, problems


def _net_params(network: str) -> Any:
    # Checked before it is imported: a name with a dot would lead out of the package.
    if not re.fullmatch(r"[a-z][a-z0-9_]*", network):
        return None
    module = f"{nets.__name__}.{network}"
    return getattr(import_module(module), "NetParams", None) if find_spec(module) else None


def _networks() -> list[str]:
    names = [path.stem for folder in nets.__path__ for path in Path(folder).glob("[a-z]*.py")]
    return [name for name in names if _net_params(name) is not None]


def _check(root: Root) -> list[str]:
    return [
        *_check_folds(root.folds, root.export.fold),
        *_check_hashes(root),
        *_check_members(root),
        *_check_blocks(root),
        *_check_stages(root.repro),
    ]


def _check_folds(folds: tuple[int, ...], exported: int | None) -> Iterator[str]:
    if not folds:
        yield "folds needs at least one fold"
    for fold in _repeated(folds):
        yield f"folds lists {fold} twice"
    if exported is not None and exported not in folds:
        yield f"export.fold is {exported}, but folds lists {', '.join(map(str, folds))}"


def _check_hashes(root: Root) -> Iterator[str]:
    for name in root.weights.sha256:
        if name not in NAMES:
            yield f"weights.sha256.{name}: {_unknown_backbone(name)}"


def _check_members(root: Root) -> Iterator[str]:
    model = root.model
    lists = {
        "members": root.members,
        "model.networks": model.networks,
        "model.backbones": model.backbones,
    }
    for key, names in lists.items():
        for name in _repeated(names):
            yield f"{key} lists {name!r} twice"
    for name in sorted(set(model.networks) & set(model.backbones)):
        yield f"model: {name!r} is both a network and a backbone"
    models = {*model.networks, *model.backbones}
    if not models and not root.members:
        yield "members needs at least one model"
    for name in sorted(models - set(root.members)):
        place = "model.networks" if name in model.networks else "model.backbones"
        yield f"members: {name!r} is in {place} but not in members; add it there or leave it out"
    for name in sorted(set(root.members) - models):
        hint = suggest(name, models - set(root.members))
        yield (
            f"members: {name!r} is in members but neither in model.networks nor in "
            f"model.backbones{hint}"
        )
    for name in sorted(models & set(RESERVED)):
        yield f"members: {name!r} is a word of the reports and cannot be a member"


def _check_blocks(root: Root) -> Iterator[str]:
    for network in root.model.networks:
        for section, blocks in (("train", root.train), ("features", root.features)):
            if network not in blocks:
                yield f"{section}.{network} is missing: model.networks lists {network!r}"
    for name in root.features:
        if _net_params(name) is None:
            yield f"features.{name}: no network is called {name!r}{suggest(name, _networks())}"
    for name in dict.fromkeys((*root.model.backbones, *root.finetune)):
        used = name in root.model.backbones
        if name not in NAMES:
            key = "model.backbones" if used else f"finetune.{name}"
            yield f"{key}: {_unknown_backbone(name)}"
        elif name not in root.finetune:
            yield f"finetune.{name} is missing: model.backbones lists {name!r}"
        else:
            yield from _check_unfreezing(root, name, used)


def _unknown_backbone(name: str) -> str:
    low = name.lower()
    if low in NAMES:
        return f"write {low!r} for {name!r}, because DVC names stages and files after it"
    message = f"no backbone is called {name!r}{suggest(name, NAMES)}"
    if looks_like_bundle(name):
        adopt = f"python -m earwitness.backbones.adopt {low}"
        return f"{message} (if torchaudio has a speech model of that name, `{adopt}` adds it)"
    return message


def _check_unfreezing(root: Root, name: str, used: bool) -> Iterator[str]:
    own = root.finetune[name].unfreeze_last_n
    blocks = get_record(name).blocks
    # The general number need only suit the backbones in use.
    number = root.model.unfreeze_last_n if own is None and used else own
    if number is not None and number > blocks:
        key = "model" if own is None else f"finetune.{name}"
        yield f"{key}.unfreeze_last_n is {number}, but {name} has {blocks} blocks"


def _check_stages(repro: ReproParams) -> Iterator[str]:
    known = {path.stem for path in Path(__file__).parent.glob("[a-z]*.py")}
    keys = {
        "threads": repro.threads,
        "memory_gb": set(repro.memory_gb) - {"default"},
        "gpu": repro.gpu,
    }
    for key, names in keys.items():
        for name in sorted(set(names) - known):
            yield f"repro.{key}: no stage is called {name!r}{suggest(name, known)}"


def _repeated(values: tuple[Any, ...]) -> list[Any]:
    return sorted({value for value in values if values.count(value) > 1})
