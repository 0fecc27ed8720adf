"""Compiled trend kernels: arrays in, arrays out, no names and no coordinates."""
