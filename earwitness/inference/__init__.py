"""From a trained member's folder and waveforms to logits."""
