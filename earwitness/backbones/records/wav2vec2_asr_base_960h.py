"""WAV2VEC2_ASR_BASE_960H of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="wav2vec2_asr_base_960h",
    sample_rate=16000,
    blocks=12,
    level_from=0,
    licence="MIT",
    source=(
        "torchaudio.pipelines.WAV2VEC2_ASR_BASE_960H: Wav2vec 2.0 model ('base' architecture "
        "with an extra linear module), pre-trained on 960 hours of unlabeled audio from "
        "LibriSpeech dataset (the combination of 'train-clean-100', 'train-clean-360', and "
        "'train-other-500'), and fine-tuned for ASR on the same audio with the corresponding "
        "transcripts"
    ),
    transport=HubFile(
        address="https://download.pytorch.org/torchaudio/models/wav2vec2_fairseq_base_ls960_asr_ls960.pth",
        filename="wav2vec2_fairseq_base_ls960_asr_ls960.pth",
        sha256="488fd4f16de84438ffc945334278c1b9fb9b7159a806c1080b16111a958c945d",
    ),
    bundle="WAV2VEC2_ASR_BASE_960H",
    dimension=768,
)
