"""Compiled kernels of boundary value problems."""
