"""HUBERT_LARGE of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="hubert_large",
    sample_rate=16000,
    blocks=24,
    level_from=0,
    licence="MIT",
    source=(
        "torchaudio.pipelines.HUBERT_LARGE: HuBERT model ('large' architecture), pre-trained "
        "on 60,000 hours of unlabeled audio from Libri-Light dataset, not fine-tuned"
    ),
    transport=HubFile(
        address="https://download.pytorch.org/torchaudio/models/hubert_fairseq_large_ll60k.pth",
        filename="hubert_fairseq_large_ll60k.pth",
        sha256=None,
    ),
    bundle="HUBERT_LARGE",
    dimension=1024,
)
