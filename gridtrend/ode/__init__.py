"""Initial value problems, one in every cell of a grid."""

from gridtrend.ode.convergence import convergence_rate
from gridtrend.ode.energy_drift import energy_drift
from gridtrend.ode.integrate import integrate

__all__ = ["convergence_rate", "energy_drift", "integrate"]
