"""WAVLM_BASE_PLUS of torchaudio."""

from earwitness.backbones.speech import build, convert

__all__ = ["build", "convert"]
