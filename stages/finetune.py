"""Stage ``finetune``: train the last blocks of a pretrained backbone on one fold."""

import logging
from dataclasses import asdict
from pathlib import Path

from earwitness.backbones.weights import load_backbone
from earwitness.fold import read_fold
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.prepare import PrepareParams
from earwitness.schema.runtime import RuntimeParams
from earwitness.training.finetuning import finetune
from earwitness.training.runtime import choose_runtime, describe_runtime
from earwitness.training.state import TrainingState, fingerprint
from earwitness.training.stored import read_stored_fold
from stages.params import ParamsFile


def main(params: ParamsFile, backbone: str, fold: str) -> None:
    """Write models/members/<backbone>/fold<k>/."""
    section = params.get(f"finetune.{backbone}", FinetuneParams)
    unfrozen = section.unfreeze_last_n
    if unfrozen is None:
        unfrozen = params.get("model.unfreeze_last_n", int)
    layers = params.get("model.layers", str)
    seed = params.get("seed", int)
    prepared = params.get("prepare", PrepareParams)
    resources = params.get("runtime", RuntimeParams)
    runtime = choose_runtime(resources)
    weights = Path(f"models/pretrained/{backbone}.safetensors")
    trunk = Path(f"data/trunk/{backbone}.h5")
    data = [Path("data/splits.json"), Path("data/manifest.csv"), weights]
    part = read_fold(data[0], data[1], int(fold))
    # The store is large; its content follows from the rest, its size and the trunk's settings.
    settings = [asdict(section), asdict(prepared), unfrozen, seed, fold, describe_runtime(runtime)]
    settings.append([layers, trunk.stat().st_size, trunk.stat().st_mtime_ns])
    code = sorted(Path("earwitness").rglob("*.py"))
    config = finetune(
        load_backbone(backbone, weights),
        unfrozen,
        read_stored_fold(trunk, part, resources.memory_gb),
        part.classes,
        section,
        layers=layers,
        prepared=prepared,
        runtime=runtime,
        seed=seed,
        state=TrainingState(
            Path(f"models/.state/{backbone}-fold{fold}.pt"), fingerprint(settings, [*data, *code])
        ),
        directory=Path(f"models/members/{backbone}/fold{fold}"),
    )
    logging.info("%s fold %s: kept %s (%s)", backbone, fold, config["kept"], config["validation"])
