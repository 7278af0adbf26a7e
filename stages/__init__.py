"""Entry points of the DVC stages: read typed parameters, call the library, write outputs."""
