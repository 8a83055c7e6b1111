"""Measurements: each prints its figure as a ratio against a floor measured in the same run."""
