"""WAV2VEC2_LARGE of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="wav2vec2_large",
    sample_rate=16000,
    blocks=24,
    level_from=0,
    licence="MIT",
    source=(
        "torchaudio.pipelines.WAV2VEC2_LARGE: Wav2vec 2.0 model ('large' architecture), "
        "pre-trained on 960 hours of unlabeled audio from LibriSpeech dataset (the combination "
        "of 'train-clean-100', 'train-clean-360', and 'train-other-500'), not fine-tuned"
    ),
    transport=HubFile(
        address="https://download.pytorch.org/torchaudio/models/wav2vec2_fairseq_large_ls960.pth",
        filename="wav2vec2_fairseq_large_ls960.pth",
        sha256=None,
    ),
    bundle="WAV2VEC2_LARGE",
    dimension=1024,
)
