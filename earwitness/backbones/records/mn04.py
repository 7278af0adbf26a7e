"""MN04: EfficientAT's MobileNetV3-Large at width 0.4."""

from earwitness.backbones.record import BackboneRecord, ClassNames, Url, Wheel

# AudioSet's class_labels_indices.csv, 527 rows (Google, CC BY 4.0). The wheel is MIT, 20 KB.
AUDIOSET = ClassNames(
    wheel=Wheel(
        package="epanns",
        version="0.1.5",
        filename="epanns-0.1.5-py3-none-any.whl",
        sha256="3cbbe195ae802e8ad3c7b14bc214bace5840d0cf74488d895fc823290a9dff98",
    ),
    member="epanns/config/audioset_labels.csv",
)

RECORD = BackboneRecord(
    name="mn04",
    sample_rate=32000,
    blocks=17,
    level_from=0,
    licence="MIT",
    source=(
        "EfficientAT's mn04_as (MobileNetV3-Large at width 0.4 on AudioSet, distilled from "
        "transformers, mAP 0.432) by Florian Schmid, Khaled Koutini and Gerhard Widmer, release "
        "v0.0.1 of https://github.com/fschmid56/EfficientAT"
    ),
    transport=Url(
        address=(
            "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt"
        ),
        filename="mn04_as_mAP_432.pt",
        sha256="899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
    ),
    class_names=AUDIOSET,
)
