"""One module a pretrained backbone, of its name, with its ``RECORD``."""
