"""HUBERT_BASE of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="hubert_base",
    sample_rate=16000,
    blocks=12,
    level_from=0,
    licence="MIT",
    source=(
        "torchaudio.pipelines.HUBERT_BASE: HuBERT model ('base' architecture), pre-trained on "
        "960 hours of unlabeled audio from LibriSpeech dataset (the combination of "
        "'train-clean-100', 'train-clean-360', and 'train-other-500'), not fine-tuned"
    ),
    transport=HubFile(
        address="https://download.pytorch.org/torchaudio/models/hubert_fairseq_base_ls960.pth",
        filename="hubert_fairseq_base_ls960.pth",
        sha256=None,
    ),
    bundle="HUBERT_BASE",
    dimension=768,
)
