"""Initial value problems, one in every cell of a grid."""

from gridtrend.ode.energy import energy_drift
from gridtrend.ode.rates import convergence_rate
from gridtrend.ode.solve import integrate

__all__ = ["convergence_rate", "energy_drift", "integrate"]
