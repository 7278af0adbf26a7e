"""Typed parameters: one module of frozen dataclasses per section of params.yaml.

These modules import nothing heavy, so that a mistake in params.yaml is reported within a
second, and each DVC stage depends only on the sections that shape its output.
"""
