"""What is recorded of the machine and the versions."""

import json
from pathlib import Path

import numpy as np
import torch

from earwitness.evaluation.environment import PACKAGES, describe_environment
from earwitness.store.atomic import write_json
from earwitness.training.runtime import describe_runtime
from tests.trained import CPU

TRAINED_WITH = describe_runtime(CPU)


def write_config(members: Path, member: str, fold: int, **changes: str | int) -> None:
    config = {"member": member, "trained_with": TRAINED_WITH | changes}
    write_json(members / member / f"fold{fold}" / "config.json", config)


def test_versions_and_what_each_member_was_trained_with(tmp_path: Path) -> None:
    for fold in (1, 2):
        write_config(tmp_path, "net", fold)
        write_config(tmp_path, "bone", fold, precision="bfloat16")
    facts = describe_environment(tmp_path, ["net", "bone"], [1, 2])
    assert set(PACKAGES) < set(facts["versions"])
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert facts["trained_with"]["net"] == TRAINED_WITH
    assert {"device", "precision", "cpu_capability", "threads"} < set(facts["trained_with"]["net"])
    assert facts["trained_with"]["bone"]["precision"] == "bfloat16"
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_folds_that_were_trained_differently_are_told(tmp_path: Path) -> None:
    write_config(tmp_path, "net", 1, threads=1)
    write_config(tmp_path, "net", 2, threads=4)
    write_config(tmp_path, "net", 3, threads=1)
    facts = describe_environment(tmp_path, ["net"], [1, 2, 3])["trained_with"]["net"]
    assert facts == TRAINED_WITH | {"threads": "1 and 4"}
