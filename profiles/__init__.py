"""Overrides of params.yaml, and what runs them beside the default ones."""
