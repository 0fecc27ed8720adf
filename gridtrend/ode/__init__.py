"""Initial value problems, one in every cell of a grid."""

from gridtrend.ode.solve import integrate

__all__ = ["integrate"]
