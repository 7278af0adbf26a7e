"""Augmentation: every draw comes from the generator of the one clip it alters."""
