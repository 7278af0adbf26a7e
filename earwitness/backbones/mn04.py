"""MN04: MobileNetV3-Large at width 0.4."""

from earwitness.backbones.mobilenet import MobileNet, convert
from earwitness.backbones.record import BackboneRecord

__all__ = ["build", "convert"]

WIDTH = 0.4


def build(record: BackboneRecord) -> MobileNet:
    """Build the architecture at random weights."""
    return MobileNet(record, WIDTH)
