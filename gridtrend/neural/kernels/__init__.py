"""Compiled parts of networks: arrays in, arrays out, no names and no coordinates."""
