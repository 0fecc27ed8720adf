"""Two-point boundary value problems, one per cell, on the mesh that the data have."""

from gridtrend.bvp.solve import solve
from gridtrend.bvp.solve_linear import solve_linear, with_variables
from gridtrend.bvp.steady_diffusion import steady_diffusion

__all__ = ["solve", "solve_linear", "steady_diffusion", "with_variables"]
