"""Two-point boundary value problems, one per cell, on the mesh that the data have."""

from gridtrend.bvp.diffusion import steady_diffusion
from gridtrend.bvp.linear import solve_linear, with_variables
from gridtrend.bvp.nonlinear import solve

__all__ = ["solve", "solve_linear", "steady_diffusion", "with_variables"]
