"""MN10: EfficientAT's MobileNetV3-Large at width 1.0."""

from earwitness.backbones.record import BackboneRecord, Url
from earwitness.backbones.records.mn04 import AUDIOSET

RECORD = BackboneRecord(
    name="mn10",
    sample_rate=32000,
    blocks=17,
    level_from=0,
    licence="MIT",
    source=(
        "EfficientAT's mn10_as (MobileNetV3-Large at width 1.0 on AudioSet, distilled from "
        "transformers, mAP 0.471) by Florian Schmid, Khaled Koutini and Gerhard Widmer, release "
        "v0.0.1 of https://github.com/fschmid56/EfficientAT"
    ),
    transport=Url(
        address=(
            "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn10_as_mAP_471.pt"
        ),
        filename="mn10_as_mAP_471.pt",
        sha256="0bd7dc2443af498c289a2e739f02ebb515d6aa3fd3ab9db539c86123ae368a4e",
    ),
    class_names=AUDIOSET,
)
