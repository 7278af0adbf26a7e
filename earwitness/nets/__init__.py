"""Networks trained from scratch: one module each, found by its name.

A module ``earwitness/nets/<name>.py`` offers ``build(net, channels, mels, classes)``; its
settings are the ``NetParams`` of ``earwitness/schema/nets/<name>.py``.
"""
