"""A model that was fitted once more with the validation clips does not speak of them itself."""

import contextlib
from pathlib import Path

import numpy as np
import torch

import stages.__main__
from earwitness.fold import read_fold
from earwitness.inference.member import load_member
from earwitness.store.arrays import ArrayReader
from tests.workspace import small_params, write_workspace

PARTS = ("validation", "test")
STAGES = ("prepare", "splits", "trunk yamnet", "finetune yamnet 1", "predict yamnet 1")


def test_the_ensemble_is_fitted_on_logits_of_before_the_refit(tmp_path: Path) -> None:
    """With those of the refitted model it would trust the member for what that has seen."""
    params = small_params()
    params["finetune"]["yamnet"] |= {"keep": "frozen", "refit": True}
    write_workspace(tmp_path, params, clips_per_fold_class=4)
    with contextlib.chdir(tmp_path):
        for stage in STAGES:
            stages.__main__.main(stage.split())
        folder = Path("models/members/yamnet/fold1")
        fold = read_fold(Path("data/splits.json"), Path("data/manifest.csv"), 1)
        with ArrayReader(Path("data/prepared/audio_16000.h5")) as clips:
            waveforms = {part: clips.read("clips", getattr(fold, part)) for part in PARTS}
        with ArrayReader(Path("data/predictions/yamnet/fold1.h5")) as store:
            said = {part: store.read(f"{part}_shifted")[:, 0] for part in PARTS}
        refitted, judged = (
            load_member(folder, torch.device("cpu"), judged=before) for before in (False, True)
        )
        for part, own, other in (("validation", judged, refitted), ("test", refitted, judged)):
            np.testing.assert_allclose(said[part], own.logits(waveforms[part]), atol=1e-4)
            assert not np.allclose(said[part], other.logits(waveforms[part]), atol=1e-2)
