"""WAVLM_BASE_PLUS of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="wavlm_base_plus",
    sample_rate=16000,
    blocks=12,
    level_from=0,
    licence="MIT (torchaudio), CC BY-SA 3.0 (the authors' repository UniSpeech)",
    source=(
        "torchaudio.pipelines.WAVLM_BASE_PLUS: WavLM Base+ model ('base' architecture), "
        "pre-trained on 60,000 hours of Libri-Light dataset, 10,000 hours of GigaSpeech, and "
        "24,000 hours of VoxPopuli, not fine-tuned"
    ),
    transport=HubFile(
        address="https://download.pytorch.org/torchaudio/models/wavlm_base_plus.pth",
        filename="wavlm_base_plus.pth",
        sha256="136a3e720c04f2c77bf7a4dc6a3868b14d5a2c145a988114b733cb1a8428be98",
    ),
    bundle="WAVLM_BASE_PLUS",
    dimension=768,
)
