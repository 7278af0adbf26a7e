"""Files: written whole or not at all, and read back with a check that they are whole."""
