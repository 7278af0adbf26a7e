"""The DVC pipeline with independent stages side by side, on this machine or on a Dask cluster.

DVC decides what a stage is, whether it is up to date and what its results are: everything goes
through its command line. Dask decides where and when a stage runs. This package translates.
It is the only part of the library that knows of DVC, and no other part imports it.
"""
