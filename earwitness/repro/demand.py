"""What a stage takes of a machine, and what machines offer."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from earwitness.errors import EarwitnessError
from earwitness.schema.problems import describe
from earwitness.schema.repro import ReproParams
from earwitness.schema.runtime import RuntimeParams

PARAMS = "params.yaml"


@dataclass(frozen=True)
class Offer:
    """What one worker has, for all its stages together.

    Attributes
    ----------
    cores : int
        CPU cores.
    memory_gb : float
        Memory in GiB.
    gpus : int
        GPUs.
    """

    cores: int
    memory_gb: float
    gpus: int


@dataclass(frozen=True)
class Settings:
    """The parameters that the demands of stages follow from."""

    runtime: RuntimeParams
    repro: ReproParams

    def demand(self, stage: str, offers: Sequence[Offer]) -> Offer:
        """Say what a stage takes.

        Parameters
        ----------
        stage : str
            Its name, with the item of its matrix.
        offers : sequence of Offer
            What each worker has.

        Returns
        -------
        Offer
            No more than one of the workers has: where all are too small, a stage has one to
            itself.
        """
        base = stage.partition("@")[0]
        device = self.runtime.device
        on_gpu = base in self.repro.gpu and device != "cpu" and any(o.gpus for o in offers)
        threads = self.repro.threads.get(base, self.runtime.threads)
        memory_gb = self.repro.memory_gb.get(base, self.repro.memory_gb["default"])
        able = [offer for offer in offers if offer.gpus or not on_gpu]
        roomy = [o for o in able if o.cores >= threads and o.memory_gb >= memory_gb]
        most = max(roomy or able, key=lambda offer: (offer.cores, offer.memory_gb))
        return Offer(
            cores=min(threads or most.cores, most.cores),
            memory_gb=min(memory_gb, most.memory_gb),
            # A device given by its number must be among those that the stage can see.
            gpus=(most.gpus if ":" in device else 1) if on_gpu else 0,
        )


def read_settings(root: Path) -> Settings:
    """Read the sections ``runtime`` and ``repro`` of params.yaml.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    Settings
        The two sections.

    Raises
    ------
    EarwitnessError
        If the file or a section is missing, or something in them is wrong.
    """
    path = root / PARAMS
    if not path.is_file():
        raise EarwitnessError(f"{path} does not exist: run this in the folder of the pipeline")
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    return Settings(
        _section(path, content, "runtime", RuntimeParams),
        _section(path, content, "repro", ReproParams),
    )


def visible_gpus() -> list[str]:
    """List the GPUs that a process started here can use, by the names CUDA takes for them."""
    if (given := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in re.split(r"[,\s]+", given) if name not in {"", "-1"}]
    if shutil.which("nvidia-smi") is None:
        return []
    # Not torch, which takes seconds to load.
    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return re.findall(r"^GPU (\d+):", done.stdout, re.MULTILINE)


def _section(path: Path, content: Any, name: str, kind: Any) -> Any:
    if name not in content:
        raise EarwitnessError(f"{path} has no section {name}: copy it from the repository's own")
    try:
        # As JSON: only there does pydantic's strict mode take lists for tuples.
        return TypeAdapter(kind).validate_json(json.dumps(content[name]))
    except ValidationError as error:
        problems = "; ".join(describe(error, kind, (name,)))
        raise EarwitnessError(f"{path}: {problems}") from None
