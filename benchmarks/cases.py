"""The networks that are measured, each at the size it is used at."""

from dataclasses import dataclass, replace
from typing import Any

from benchmarks import notebook
from earwitness.schema.nets.bc_resnet import NetParams as BcResNetParams
from earwitness.schema.nets.conv1d import NetParams as Conv1dParams
from earwitness.schema.nets.spec_cnn import NetParams as SpecCnnParams


@dataclass(frozen=True)
class Case:
    """A network at one size.

    Attributes
    ----------
    title : str
        Its row of the table.
    module : str
        In `earwitness.nets`.
    net : object
        Its `NetParams`.
    shape : tuple of int
        Channels, mel bands, frames of a clip.
    batch : int
        Clips of a training step.
    rival : str
        Title of the notebook's network that ratios are taken to; empty for none.
    ours : bool
        Whether it runs as our pipeline would, or as the notebook.
    """

    title: str
    module: str
    net: Any
    shape: tuple[int, int, int]
    batch: int
    rival: str = ""
    ours: bool = True


MODEL_A = Case(
    "notebook's Model A",
    "spec_cnn",
    notebook.MODEL_A,
    notebook.SHAPE,
    notebook.MODEL_A_BATCH,
    ours=False,
)
MODEL_A_PRO = Case(
    "notebook's Model A Pro",
    "bc_resnet",
    notebook.MODEL_A_PRO,
    notebook.SHAPE,
    notebook.MODEL_A_PRO_BATCH,
    ours=False,
)
CASES = (
    MODEL_A,
    Case(
        "spec_cnn",
        "spec_cnn",
        SpecCnnParams((32, 64, 128, 256), 1, 8, 2, "stride", True, "mean_max", 0.2),
        (2, 64, 251),
        32,
        MODEL_A.title,
    ),
    MODEL_A_PRO,
    Case(
        "bc_resnet",
        "bc_resnet",
        BcResNetParams("broadcast", 8, 5, 8, 0.0),
        (1, 40, 126),
        32,
        MODEL_A_PRO.title,
    ),
    Case(
        "conv1d",
        "conv1d",
        Conv1dParams((32, 64, 128, 256, 256), (64, 16, 8, 8, 4), (8, 4, 4, 4, 2), 128, 0.2),
        (1, 1, 80_000),
        32,
    ),
)


def shrunk(case: Case) -> Case:
    """Make a case that takes no time, for a test of the benchmark itself."""
    channels, mels, frames = case.shape
    return replace(case, shape=(channels, mels, frames // 16), batch=2)
