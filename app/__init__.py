"""Watchfire: an exchange for cryptocurrency addresses linked to human trafficking."""
