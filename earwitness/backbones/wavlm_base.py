"""WAVLM_BASE of torchaudio."""

from earwitness.backbones.speech import build, convert

__all__ = ["build", "convert"]
