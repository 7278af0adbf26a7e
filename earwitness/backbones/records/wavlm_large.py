"""WAVLM_LARGE of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="wavlm_large",
    sample_rate=16000,
    blocks=24,
    level_from=0,
    licence="MIT (torchaudio), CC BY-SA 3.0 (the authors' repository UniSpeech)",
    source=(
        "torchaudio.pipelines.WAVLM_LARGE: WavLM Large model ('large' architecture), "
        "pre-trained on 60,000 hours of Libri-Light dataset, 10,000 hours of GigaSpeech, and "
        "24,000 hours of VoxPopuli, not fine-tuned"
    ),
    transport=HubFile(
        address="https://download.pytorch.org/torchaudio/models/wavlm_large.pth",
        filename="wavlm_large.pth",
        sha256=None,
    ),
    bundle="WAVLM_LARGE",
    dimension=1024,
)
