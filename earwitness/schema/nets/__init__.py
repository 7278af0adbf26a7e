"""Settings of each network trained from scratch: ``NetParams`` in a module of its name."""
