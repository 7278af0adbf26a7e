"""Classifying a person's own files with any trained model."""
