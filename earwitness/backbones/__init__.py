"""Pretrained models: one record each in the registry, one module each.

A module ``earwitness/backbones/<name>.py`` offers ``build(record)`` (the architecture, at
random weights) and ``convert(record, path)`` (the published file as tensors of that
architecture). `earwitness.backbones.weights` finds both by the record's name.
"""
