"""Slow and obvious answers for the tests of `gridtrend.ode`: exact solutions, and each method in plain NumPy."""

import math

import numpy as np
from scipy.special import ellipj, ellipk

# theta(0.2) and omega(0.2) of the pendulum from [0.3, 0], by Jacobi's elliptic functions with 40 digits.
PENDULUM = {
    9.81 / 0.6: (0.20831926107751097397, -0.86805502680115837062),
    1.0: (0.29410840015530416926, -0.058728127183459433504),
    9.81: (0.24381378832276828666, -0.54408100010843587023),
}
# Fitted rate and error constant for 16 to 1024 steps (rk4: to 128), for the same three values of g/l.
RATES = {
    "explicit_euler": ((0.9956, 1.414), (1.0001, 0.029528), (0.9954, 0.56588)),
    "implicit_euler": ((1.0037, 1.4149), (0.9999, 0.029527), (1.0043, 0.56626)),
    "implicit_midpoint": ((1.9999, 0.90822), (2.0, 0.0047095), (2.0, 0.37949)),
    "velocity_verlet": ((2.0, 1.2881), (2.0, 0.0047369), (2.0, 0.46127)),
    "rk4": ((4.0152, 1.5087), (3.9967, 4.8455e-4), (4.0079, 0.37883)),
}


def exact_pendulum(theta0, g_over_l, t):
    """Theta and omega at time t, from rest at theta0."""
    k, w = np.sin(np.asarray(theta0) / 2), np.sqrt(g_over_l)
    sn, cn, _, _ = ellipj(ellipk(k * k) - w * t, k * k)
    return 2 * np.arcsin(k * sn), -2 * k * w * cn


def pendulum_rates(y, g_over_l):
    return np.array([y[1], -g_over_l * math.sin(y[0])])


def pendulum_jacobian(y, g_over_l):
    return np.array([[0.0, 1.0], [-g_over_l * math.cos(y[0]), 0.0]])


def pendulum_step(method, y, h, g_over_l):
    """One step of a method of fixed steps, for one pendulum."""
    f = lambda state: pendulum_rates(state, g_over_l)
    if method == "explicit_euler":
        return y + h * f(y)
    if method == "rk4":
        a = f(y)
        b = f(y + h / 2 * a)
        c = f(y + h / 2 * b)
        return y + h / 6 * (a + 2 * b + 2 * c + f(y + h * c))
    if method == "velocity_verlet":
        half = y[1] + h / 2 * f(y)[1]
        theta = y[0] + h * half
        return np.array([theta, half + h / 2 * f([theta, half])[1]])
    theta = {"implicit_euler": 1.0, "implicit_midpoint": 0.5}[method]
    new = y + h * f(y)
    for _ in range(30):
        inner = y + theta * (new - y)
        matrix = np.eye(2) - h * theta * pendulum_jacobian(inner, g_over_l)
        new = new - np.linalg.solve(matrix, new - y - h * f(inner))
    return new


def energy_balance(parameters, t):
    """Temperatures of the two-layer model under constant forcing, from zero, by eigenvectors."""
    c, c0, gamma, feedback, forcing = parameters
    a = np.array([[-(feedback + gamma) / c, gamma / c], [gamma / c0, -gamma / c0]])
    equilibrium = np.linalg.solve(a, [-forcing / c, 0.0])
    values, vectors = np.linalg.eig(a)
    return equilibrium + (vectors * np.exp(values * t)) @ np.linalg.solve(vectors, -equilibrium)
