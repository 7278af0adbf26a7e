"""Recordings: finding a data set, reading its files, and the store of prepared waveforms."""
