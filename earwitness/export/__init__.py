"""Trained models as single files for other programs: waveform in, logits out."""
