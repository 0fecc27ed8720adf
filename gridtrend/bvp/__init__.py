"""Two-point boundary value problems, one per cell, on the mesh that the data have."""

from gridtrend.bvp.linear import solve_linear

__all__ = ["solve_linear"]
