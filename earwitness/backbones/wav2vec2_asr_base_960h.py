"""WAV2VEC2_ASR_BASE_960H of torchaudio."""

from earwitness.backbones.speech import build, convert

__all__ = ["build", "convert"]
