"""MN10: MN04's network at width 1.0."""

from earwitness.backbones.mn04 import MobileNet, convert
from earwitness.backbones.record import BackboneRecord

__all__ = ["build", "convert"]


def build(record: BackboneRecord) -> MobileNet:
    """Build the architecture at random weights."""
    return MobileNet(record, width=1.0)
