"""Encodings of addresses: text to bytes and back, knowing nothing of chains."""
