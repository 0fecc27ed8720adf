"""Compiled parts of networks, on plain arrays."""
