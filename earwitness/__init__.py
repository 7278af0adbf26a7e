"""Earwitness: reproducible environmental sound classification."""

__version__ = "0.1.0"
