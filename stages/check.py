"""Look ahead: what would stop the pipeline, and what it would take (`python -m earwitness check`).

This is no stage: it writes nothing, and reads all of params.yaml.
"""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from earwitness.audio.dataset import Clip
from earwitness.backbones.obtain import pin
from earwitness.backbones.registry import get_record
from earwitness.checkup.estimate import estimate_backbone, estimate_network, estimate_prepare
from earwitness.checkup.finding import Finding, render
from earwitness.checkup.sources import check_data, check_weights
from earwitness.checkup.trial import Scope
from earwitness.checkup.work import Work, check_disk, check_memory, describe_time
from earwitness.errors import EarwitnessError
from earwitness.schema.data import DataParams
from earwitness.schema.features import FeatureParams, WaveformParams
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.predict import PredictParams
from earwitness.schema.prepare import PrepareParams
from earwitness.schema.runtime import RuntimeParams
from earwitness.schema.splits import SplitParams
from earwitness.schema.train import TrainParams
from earwitness.schema.trunk import TrunkParams
from earwitness.schema.weights import WeightsParams
from earwitness.training.runtime import choose_runtime
from stages.params import ParamsFile, open_params
from stages.prepare import MAX_WORKERS, stored_rates
from stages.repository import check_repository

# Of ESC-50: what estimates go by while the data set is not here.
USUAL_CLIPS, USUAL_CLASSES, USUAL_FOLDS = 2000, 50, 5
READ = 8  # clips that are decoded against the clock


def check() -> int:
    """Print a line on each point.

    Returns
    -------
    int
        1 if there is a problem, else 0.
    """
    # What starting this took, a run of a stage takes as well.
    start_seconds = time.time() - psutil.Process().create_time()
    logging.disable(logging.INFO)  # of the trials
    worst = 0
    try:
        for finding in _look(start_seconds):
            print(render([finding]), flush=True)
            worst |= finding.level == "problem"
    finally:
        logging.disable(logging.NOTSET)
    return worst


def _look(start_seconds: float) -> Iterator[Finding]:
    try:
        params = open_params()
    except EarwitnessError as error:
        yield Finding("params", "problem", str(error))
        return
    folds, members = params.get("folds", tuple), params.get("members", tuple)
    yield Finding("params", "ok", f"valid; test folds: {len(folds)}, members: {', '.join(members)}")
    yield from check_repository(Path())
    given = os.environ.get("EARWITNESS_DATA")
    found, clips = check_data(params.get("data", DataParams), Path(given) if given else None, folds)
    yield found
    yield from _look_for_weights(params)
    try:
        works = list(_estimate(params, clips))
    except EarwitnessError as error:
        yield Finding("settings", "problem", str(error))
        return
    yield check_disk(works, Path())
    yield check_memory(works)
    yield describe_time(works, start_seconds)


def _look_for_weights(params: ParamsFile) -> Iterator[Finding]:
    section = params.get("weights", WeightsParams)
    folders = [Path(section.incoming)]
    if given := os.environ.get("EARWITNESS_WEIGHTS"):
        folders.insert(0, Path(given))
    for name in params.get("model.backbones", tuple):
        converted = Path(f"models/pretrained/{name}.safetensors")
        try:
            record = pin(get_record(name), section.sha256)
        except EarwitnessError as error:
            yield Finding("weights", "problem", str(error))
            continue
        yield check_weights(record, converted, folders)


def _estimate(params: ParamsFile, clips: list[Clip]) -> Iterator[Work]:
    scope = _scope(params, clips)
    paths = [clip.path for clip in clips[:: max(1, len(clips) // READ)]]
    quality = params.get("prepare", PrepareParams).resampler
    workers = min(os.cpu_count() or 1, MAX_WORKERS)
    yield estimate_prepare(paths, stored_rates(params), quality, workers, scope)
    for name in params.get("model.networks", tuple):
        features = params.get(f"features.{name}", FeatureParams | WaveformParams)
        train = params.get(f"train.{name}", TrainParams)
        yield from estimate_network(name, train, features, scope)
    for name in params.get("model.backbones", tuple):
        section = params.get(f"finetune.{name}", FinetuneParams)
        unfrozen = section.unfreeze_last_n
        if unfrozen is None:
            unfrozen = params.get("model.unfreeze_last_n", int)
        trunk = params.get("trunk", TrunkParams)
        yield from estimate_backbone(name, unfrozen, section, trunk, scope)


def _scope(params: ParamsFile, clips: list[Clip]) -> Scope:
    count = len(clips) or USUAL_CLIPS
    test = count // (len({clip.fold for clip in clips}) or USUAL_FOLDS)
    share = params.get("splits", SplitParams).validation_fraction
    validation = round((count - test) * share)
    resources = params.get("runtime", RuntimeParams)
    return Scope(
        clips=count,
        classes=len({clip.target for clip in clips}) or USUAL_CLASSES,
        folds=len(params.get("folds", tuple)),
        train=count - test - validation,
        validation=validation,
        test=test,
        seconds=params.get("prepare", PrepareParams).seconds,
        shifts=len(params.get("predict", PredictParams).tta_shifts_seconds),
        runtime=choose_runtime(resources),
        memory=int(resources.memory_gb * 1e9),
    )
