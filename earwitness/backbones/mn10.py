"""MN10: MobileNetV3-Large at width 1.0."""

from earwitness.backbones.mobilenet import MobileNet, convert
from earwitness.backbones.record import BackboneRecord

__all__ = ["build", "convert"]

WIDTH = 1.0


def build(record: BackboneRecord) -> MobileNet:
    """Build the architecture at random weights."""
    return MobileNet(record, WIDTH)
