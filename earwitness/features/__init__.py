"""Front ends: from a waveform to what a network reads."""
