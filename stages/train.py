"""Stage ``train``: train a network from scratch on one fold."""

from dataclasses import asdict
from pathlib import Path

from earwitness.fold import read_fold
from earwitness.schema.features import FeatureParams, WaveformParams
from earwitness.schema.prepare import PrepareParams
from earwitness.schema.runtime import RuntimeParams
from earwitness.schema.train import TrainParams
from earwitness.store.arrays import ArrayReader
from earwitness.store.items import open_items
from earwitness.training.runtime import choose_runtime, describe_runtime
from earwitness.training.scratch import train_network
from earwitness.training.state import TrainingState, fingerprint
from stages.params import ParamsFile


def main(params: ParamsFile, network: str, fold: str) -> None:
    """Write models/members/<network>/fold<k>/."""
    train = params.get(f"train.{network}", TrainParams)
    features = params.get(f"features.{network}", FeatureParams | WaveformParams)
    seed = params.get("seed", int)
    prepared = params.get("prepare", PrepareParams)
    resources = params.get("runtime", RuntimeParams)
    runtime = choose_runtime(resources)
    data = [Path("data/splits.json"), Path("data/manifest.csv")]
    part = read_fold(data[0], data[1], int(fold))
    data.append(Path(f"data/features/{network}.h5"))
    wanted = [("features", rows) for rows in (part.train, part.validation)]
    train_features, validation_features = open_items(
        ArrayReader(data[2]), wanted, resources.memory_gb
    )
    settings = [
        asdict(train),
        asdict(features),
        asdict(prepared),
        seed,
        fold,
        describe_runtime(runtime),
    ]
    code = sorted(Path("earwitness").rglob("*.py"))
    train_network(
        network,
        (train_features, validation_features),
        (part.targets[part.train], part.targets[part.validation]),
        part.classes,
        train,
        features,
        prepared=prepared,
        runtime=runtime,
        seed=seed,
        state=TrainingState(
            Path(f"models/.state/{network}-fold{fold}.pt"), fingerprint(settings, [*data, *code])
        ),
        directory=Path(f"models/members/{network}/fold{fold}"),
    )
