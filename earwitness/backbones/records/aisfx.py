"""AISFX."""

from earwitness.backbones.record import BackboneRecord, Wheel

RECORD = BackboneRecord(
    name="aisfx",
    sample_rate=44100,
    blocks=8,
    level_from=2,
    licence="CC BY 4.0",
    source=(
        "aiSFX's X-Sequential-CE (a CNN on commercial sound-effect libraries) by Alison Bernice "
        "Ma and Alexander Lerch, https://github.com/alisonbma/aisfx; read from the checkpoint in "
        "the wheel aisfx 0.1.2, batch normalisation folded into the convolutions"
    ),
    transport=Wheel(
        package="aisfx",
        version="0.1.2",
        filename="aisfx-0.1.2-py2.py3-none-any.whl",
        sha256="bfe219950715af179e9a1653e7117cc1852baef267cd6596c42cad74afe1d194",
    ),
)
