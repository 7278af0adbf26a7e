"""Judging the models on the test folds: metrics, their summary, and tables for plots."""
