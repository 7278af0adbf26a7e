"""Every kind of network, small enough to test."""

import importlib
import json
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import TypeAdapter

SPEC_CNN = {
    "widths": [8, 16, 24],
    "blocks": 1,
    "se_reduction": 4,
    "stem_stride": 2,
    "downsample": "stride",
    "residual": True,
    "pooling": "mean_max",
    "dropout": 0.2,
}
BC_RESNET = {"variant": "broadcast", "scale": 2, "sub_bands": 4, "se_reduction": 4, "dropout": 0.1}
CONV1D = {
    "widths": [8, 16, 24],
    "kernels": [16, 8, 4],
    "strides": [8, 4, 2],
    "attention_hidden": 8,
    "dropout": 0.2,
}


@dataclass(frozen=True)
class Kind:
    """A network with its settings and the features it reads."""

    name: str
    net: dict[str, Any]
    channels: int = 2
    mels: int = 64

    def build(self, classes: int = 7) -> torch.nn.Module:
        """Make the network, the same each time."""
        schema = importlib.import_module(f"earwitness.schema.nets.{self.name}").NetParams
        settings = TypeAdapter(schema).validate_json(json.dumps(self.net))
        torch.manual_seed(0)
        network: torch.nn.Module = importlib.import_module(f"earwitness.nets.{self.name}").build(
            settings, channels=self.channels, mels=self.mels, classes=classes
        )
        return network

    def batch(self, frames: int = 101) -> torch.Tensor:
        """Make an input of three clips."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(3, self.channels, self.mels, frames, generator=generator)


KINDS = {
    "spec_cnn": Kind("spec_cnn", SPEC_CNN),
    "spec_cnn as in the notebook": Kind(
        "spec_cnn",
        SPEC_CNN
        | {"stem_stride": 1, "downsample": "average", "residual": False, "pooling": "mean"},
    ),
    "bc_resnet": Kind("bc_resnet", BC_RESNET),
    "bc_resnet on 40 bands": Kind("bc_resnet", BC_RESNET | {"sub_bands": 5}, 1, 40),
    "bc_resnet as in the notebook": Kind("bc_resnet", BC_RESNET | {"variant": "se"}),
    "conv1d": Kind("conv1d", CONV1D, 1, 1),
}
