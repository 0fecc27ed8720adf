"""Slow, obvious boundary value problems: dense matrices, exact weights, and problems whose answers are known."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np


def exact_weights(nodes, a, b):
    """Return the integral over [a, b] of each Lagrange polynomial through the nodes, in rational arithmetic."""
    nodes = [Fraction(float(x)) for x in nodes]
    a, b = Fraction(float(a)), Fraction(float(b))
    weights = []
    for k, x in enumerate(nodes):
        # Coefficients of the polynomial, lowest power first.
        polynomial = [Fraction(1)]
        for j, other in enumerate(nodes):
            if j != k:
                shifted = [Fraction(0), *polynomial]
                polynomial = [
                    (s - other * p) / (x - other) for s, p in zip(shifted, [*polynomial, Fraction(0)], strict=True)
                ]
        weights.append(float(sum(c * (b ** (p + 1) - a ** (p + 1)) / (p + 1) for p, c in enumerate(polynomial))))
    return np.array(weights)


def dense_solution(x, A, q, at_left, at_right, values, order):
    """Solve y' = A y + q as one dense system, cell by cell.

    A is (cells, nodes, n, n), q (cells, nodes, n), conditions (cells, n, n) and (cells, n). Integrals over an interval go
    through `order` neighbouring nodes.
    """
    cells, nodes, n = q.shape
    matrix = np.zeros((cells, nodes * n, nodes * n), A.dtype)
    side = np.zeros((cells, nodes * n), A.dtype)
    unit = np.eye(n)
    for i in range(nodes - 1):
        first = min(max(i - order // 2 + 1, 0), nodes - order)
        rows = slice(i * n, (i + 1) * n)
        matrix[:, rows, i * n : (i + 1) * n] -= unit
        matrix[:, rows, (i + 1) * n : (i + 2) * n] += unit
        weights = exact_weights(x[first : first + order], x[i], x[i + 1])
        for j, w in enumerate(weights, first):
            matrix[:, rows, j * n : (j + 1) * n] -= w * A[:, j]
            side[:, rows] += w * q[:, j]
    matrix[:, -n:, :n] = at_left
    matrix[:, -n:, -n:] += at_right
    side[:, -n:] = values
    return np.linalg.solve(matrix, side[..., None])[..., 0].reshape(cells, nodes, n), np.linalg.cond(matrix)


def rounding(known, y, order):
    """What rounding alone may leave in the first state of a solution `y`, (states, nodes), of a known problem.

    Corrections of a solution are refinements in working precision. What is left of them is (Higham 2002, theorem 12.2) what
    roundings in the equations make of it: |M^-1| r, with r the sum of the magnitudes of all terms of an equation times the
    unit roundoff u, the condition of the problem times u. Roundings are as often up as down, so that their squares add
    (Higham & Mary 2019, doi:10.1137/18M1226312); four times that is what one in 10,000 exceeds.
    """
    states = list(dict.fromkeys([*(row for row, _ in known.A), *known.q, *(col for _, col in known.A)]))
    nodes, n = known.x.size, len(states)
    A, q = np.zeros((nodes, n, n), complex), np.zeros((nodes, n), complex)
    for (row, col), a in known.A.items():
        A[:, states.index(row), states.index(col)] = a
    for row, value in known.q.items():
        q[:, states.index(row)] = value
    matrix, terms = np.zeros((nodes * n, nodes * n), complex), np.zeros(nodes * n)
    unit, size = np.eye(n), np.abs(np.array([y[s] for s in states])).T
    for i in range(nodes - 1):
        first = min(max(i - order // 2 + 1, 0), nodes - order)
        rows, here, there = (slice(j * n, (j + 1) * n) for j in (i, i, i + 1))
        matrix[rows, here] -= unit
        matrix[rows, there] += unit
        terms[rows] += size[i] + size[i + 1]
        for j, w in enumerate(exact_weights(known.x[first : first + order], known.x[i], known.x[i + 1]), first):
            matrix[rows, j * n : (j + 1) * n] -= w * A[j]
            terms[rows] += np.abs(w) * (np.abs(A[j]) @ size[j] + np.abs(q[j]))
    row = (nodes - 1) * n
    for conditions, node in ((known.left, 0), (known.right, nodes - 1)):
        for state, value in conditions.items():
            matrix[row, node * n + states.index(state)] = 1.0
            terms[row] = np.abs(value)
            row += 1
    # Equations and states in units of their own: the inverse is that of a matrix of ordinary numbers.
    units = np.tile(size.max(0), nodes)
    inverse = units[:, None] * np.linalg.inv(matrix * units)
    first = states.index(next(iter(known.A))[0])
    roundoff = np.finfo(float).eps / 2
    return 4 * roundoff * np.sqrt((np.abs(inverse[first::n]) ** 2 @ terms**2).max())


def geometric(n, a, b, ratio):
    """Return n nodes from a to b whose last step is about `ratio` times the first."""
    return a + (b - a) * (ratio ** np.linspace(0, 1, n) - 1) / (ratio - 1)


@dataclass(frozen=True)
class Known:
    """A linear problem on one mesh: its coefficients by node, its conditions, and the exact first state."""

    A: dict[tuple[str, str], Any]
    q: dict[str, Any]
    left: dict[str, Any]
    right: dict[str, Any]
    x: Any
    exact: Any
    relative: bool = False


def conduction(n):
    """Steady conduction with k = 2 (1 + z/10) and a source, in K."""
    z = geometric(n, 0, 10.0, 30.0)
    exact = 280 + 5 * ((0.065 + 0.1) * np.log1p(z / 10) - 0.01 * z)
    return Known(
        {("T", "F"): -1 / (2 * (1 + z / 10))}, {"F": 0.01 + 0 * z}, {"T": 280.0}, {"F": -0.065 + 0.1}, z, exact
    )


def ekman(n):
    """Wind-driven current in a column of constant viscosity; complex."""
    f, viscosity, depth, stress = 1e-4, 0.01, 100.0, 1e-4
    z = np.sort(-depth + depth * (1 - geometric(n, 0, 1, 20.0)[::-1]))
    m = np.sqrt(1j * f / viscosity)
    exact = stress / (viscosity * m) * np.sinh(m * (z + depth)) / np.cosh(m * depth)
    A = {("W", "S"): 1 / viscosity + 0 * z, ("S", "W"): 1j * f + 0 * z}
    return Known(A, {}, {"W": 0.0}, {"S": stress}, z, exact, relative=True)


def soil(n):
    """Annual temperature wave of 10 K in soil; complex."""
    omega, capacity, k, depth = 2 * np.pi / (365.2425 * 86400), 2e6, 1.2, 20.0
    z = geometric(n, 0, depth, 50.0)
    m = np.sqrt(1j * omega * capacity / k)
    exact = 10 * np.cosh(m * (depth - z)) / np.cosh(m * depth)
    A = {("T", "G"): -1 / k + 0 * z, ("G", "T"): -1j * omega * capacity + 0 * z}
    return Known(A, {}, {"T": 10.0}, {"G": 0.0}, z, exact)


def energy_balance(n):
    """North's energy-balance model of a hemisphere, to 85 degrees, in degrees Celsius."""
    D, B, out, Q, S2, absorbed = 0.44, 2.09, 203.3, 341.3, -0.482, 0.68
    x = np.sin(np.deg2rad(85) * np.linspace(0, 1, n))
    p2 = 0.5 * (3 * x * x - 1)
    T2 = Q * absorbed * S2 / (B + 6 * D)
    exact = (Q * absorbed - out) / B + T2 * p2
    flux = D * (1 - x * x) * T2 * 3 * x
    A = {("T", "F"): 1 / (D * (1 - x * x)), ("F", "T"): B + 0 * x}
    return Known(A, {"F": out - Q * absorbed * (1 + S2 * p2)}, {"F": 0.0}, {"F": flux[-1]}, x, exact)


def layer(n, eps=0.01):
    """Boundary layers of width eps at both ends of [0, 1]."""
    half = geometric((n + 1) // 2, 0, 0.5, max(30.0, 1 / eps))
    x = np.concatenate([half, 1 - half[-2::-1]])
    exact = (np.exp(-x / eps) + np.exp(-(1 - x) / eps)) / (1 + np.exp(-1 / eps))
    A = {("u", "v"): 1 / eps + 0 * x, ("v", "u"): 1 / eps + 0 * x}
    return Known(A, {}, {"u": 1.0}, {"u": 1.0}, x, exact)


C1 = 2.0


def seed(x):
    """y1' = -c1 f1 f2 y2 - f3, y2' = f4 y1 + f1 y2 with y1 = x exp(x), y2 = (1 - x) exp(x)."""
    f1, f2, f4 = x, np.cos(x), x - 2
    y1, y2 = x * np.exp(x), (1 - x) * np.exp(x)
    f3 = -(1 + x) * np.exp(x) - C1 * f1 * f2 * y2
    A = {("y1", "y2"): -C1 * f1 * f2, ("y2", "y1"): f4, ("y2", "y2"): f1}
    return Known(A, {"y1": -f3}, {"y1": 0.0}, {"y2": 0.0}, x, y1)


def seed_mesh():
    """Return the mesh of the question: 26 nodes, steps from 1e-7 to 0.05."""
    return np.array([0, 1e-4, 0.025, *np.linspace(0.05, 0.95, 19), 0.975, 0.999, 0.9999999, 1.0])


def mesh(kind, n):
    """Return n nodes on [0, 1]."""
    u = np.linspace(0, 1, n)
    if kind == "uniform":
        return u
    if kind == "smooth":
        return u * u * (3 - 2 * u)
    if kind == "geometric":
        return geometric(n, 0, 1, 1e4)
    steps = np.random.default_rng(5).uniform(0.1, 1, n - 1)
    return np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
