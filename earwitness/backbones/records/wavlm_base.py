"""WAVLM_BASE of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="wavlm_base",
    sample_rate=16000,
    blocks=12,
    level_from=0,
    licence="MIT (torchaudio), CC BY-SA 3.0 (the authors' repository UniSpeech)",
    source=(
        "torchaudio.pipelines.WAVLM_BASE: WavLM Base model ('base' architecture), pre-trained "
        "on 960 hours of unlabeled audio from LibriSpeech dataset, not fine-tuned"
    ),
    transport=HubFile(
        address="https://download.pytorch.org/torchaudio/models/wavlm_base.pth",
        filename="wavlm_base.pth",
        sha256=None,
    ),
    bundle="WAVLM_BASE",
    dimension=768,
)
