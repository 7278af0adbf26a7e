"""Plots as PNG files, drawn from the tables of `earwitness.evaluation.tables`.

The same table gives the same bytes: PNG carries no time stamp, and the style below does not
look at the user's Matplotlib settings.
"""
