"""An initial value problem in every cell: 20,000 pendulums, 20,000 stiff reactions, and Lorenz' three equations."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.special import ellipj, ellipk

import gridtrend as gt
from benchmarks.harness import Comparison, Outputs
from benchmarks.tables import Table, seconds, times
from benchmarks.timing import medians
from gridtrend.engine.jit import lane, outermost

END, STEPS = 10.0, 1000
STATES, REACTANTS = ("theta", "omega"), ("a", "b", "c")


def pendulum(t, y, p):
    theta, omega = y
    return omega, -p.g_over_l * math.sin(theta)


def robertson(t, y, p):
    a, b, c = y
    fast = p.rate * b * b
    return -0.04 * a + 1e4 * b * c, 0.04 * a - 1e4 * b * c - fast, fast


def lorenz(t, y, p):
    return 10.0 * (y.y - y.x), y.x * (p.rho - y.z) - y.y, y.x * y.y - 8.0 / 3.0 * y.z


@cache
def pendulums(quick: bool) -> xr.Dataset:
    rng, shape = np.random.default_rng(0), (20, 5) if quick else (4000, 5)
    fields = {"theta": rng.uniform(0.05, 1.0, shape), "g_over_l": rng.uniform(0.5, 2.0, shape)}
    return xr.Dataset({name: (("lat", "lon"), values) for name, values in fields.items()})


@cache
def reactions(quick: bool) -> xr.Dataset:
    rng, shape = np.random.default_rng(0), (20, 5) if quick else (4000, 5)
    return xr.Dataset({"rate": (("lat", "lon"), 3e7 * rng.uniform(0.5, 2.0, shape))})


def ours(method: str, **options: Any) -> Callable[[xr.Dataset], Outputs]:
    def swing(data: xr.Dataset) -> Outputs:
        start = data[["theta"]].assign(omega=0.0)
        run = gt.ode.integrate(pendulum, start, (0.0, END), params=data[["g_over_l"]], method=method, **options)
        return {name: run[name][0] for name in STATES}

    return swing


def react(data: xr.Dataset) -> Outputs:
    start = xr.Dataset({"a": 1.0, "b": 0.0, "c": 0.0})
    run = gt.ode.integrate(robertson, start, (0.0, 1e4), params=data, method="rosenbrock", rtol=1e-6, atol=1e-10)
    return {name: run[name][0] for name in REACTANTS}


def arrays(data: xr.Dataset) -> tuple[Any, Any]:
    return data.theta.values, data.g_over_l.values


def named(theta: Any, omega: Any) -> Outputs:
    return dict(zip(STATES, (theta, omega), strict=True))


def numpy_verlet(data: xr.Dataset) -> Outputs:
    (q, k), h = arrays(data), END / STEPS
    q, v = q.copy(), np.zeros_like(q)
    a = -k * np.sin(q)
    for _ in range(STEPS):
        v += 0.5 * h * a
        q += h * v
        a = -k * np.sin(q)
        v += 0.5 * h * a
    return named(q, v)


def numpy_rk4(data: xr.Dataset) -> Outputs:
    (q, k), h = arrays(data), END / STEPS
    y = np.stack([q, np.zeros_like(q)])

    def rate(y):
        return np.stack([y[1], -k * np.sin(y[0])])

    for _ in range(STEPS):
        a = rate(y)
        b = rate(y + h / 2 * a)
        c = rate(y + h / 2 * b)
        y = y + h / 6 * (a + 2 * b + 2 * c + rate(y + h * c))
    return named(*y)


def torch_verlet(data: xr.Dataset) -> Outputs:
    import torch

    torch.set_num_threads(1)
    (theta, g_over_l), h = arrays(data), END / STEPS
    q, k = torch.from_numpy(theta.copy()), torch.from_numpy(g_over_l)
    v, a = torch.zeros_like(q), -k * torch.sin(q)
    for _ in range(STEPS):
        v.add_(a, alpha=0.5 * h)
        q.add_(v, alpha=h)
        torch.sin(q, out=a)
        a.mul_(k).neg_()
        v.add_(a, alpha=0.5 * h)
    return named(q.numpy(), v.numpy())


def stacked(data: xr.Dataset) -> Outputs:
    theta, k = (array.ravel() for array in arrays(data))
    n = theta.size

    def rate(t, y):
        return np.concatenate([y[n:], -k * np.sin(y[:n])])

    y = solve_ivp(rate, (0, END), np.concatenate([theta, np.zeros(n)]), rtol=1e-6, atol=1e-9).y[:, -1]
    return named(*y.reshape(2, *data.theta.shape))


def cell_by_cell(data: xr.Dataset) -> Outputs:
    def one(theta, k):
        rate = lambda t, y: (y[1], -k * math.sin(y[0]))
        return solve_ivp(rate, (0, END), (theta, 0.0), rtol=1e-6, atol=1e-9).y[:, -1]

    return named(*np.moveaxis(np.vectorize(one, signature="(),()->(n)")(*arrays(data)), -1, 0))


def radau(data: xr.Dataset) -> Outputs:
    def one(k):
        def rate(t, y):
            slow, fast = 0.04 * y[0] - 1e4 * y[1] * y[2], k * y[1] * y[1]
            return -slow, slow - fast, fast

        return solve_ivp(rate, (0, 1e4), (1.0, 0.0, 0.0), method="Radau", rtol=1e-6, atol=1e-10).y[:, -1]

    found = np.moveaxis(np.vectorize(one, signature="()->(n)")(data.rate.values), -1, 0)
    return dict(zip(REACTANTS, found, strict=True))


def same(tolerance: float) -> dict[str, float]:
    return dict.fromkeys(STATES, tolerance)


H = END / STEPS
COMPARISONS = [
    Comparison("velocity_verlet, 1000 steps", "NumPy over all cells", "numpy", pendulums, ours("velocity_verlet", step=H),
               numpy_verlet, same(1e-12)),
    Comparison("velocity_verlet, 1000 steps", "torch in place", "torch", pendulums, ours("velocity_verlet", step=H),
               torch_verlet, same(1e-12)),
    Comparison("rk4, 1000 steps", "NumPy over all cells", "numpy", pendulums, ours("rk4", step=H), numpy_rk4, same(1e-12)),
    Comparison("dopri5, rtol 1e-6", "scipy solve_ivp, one stacked system", "scipy", pendulums, ours("dopri5"), stacked,
               same(2e-5)),
    Comparison("dopri5, rtol 1e-6", "scipy solve_ivp per cell", "scipy", pendulums, ours("dopri5"), cell_by_cell, same(2e-5),
               rows=20),
    Comparison("rosenbrock, stiff, rtol 1e-6", "scipy solve_ivp(Radau) per cell", "scipy", reactions, react, radau,
               dict.fromkeys(REACTANTS, 1e-5), rows=4),
]  # fmt: skip


def accuracy(quick: bool, laps: int) -> Table:
    """Error of each method against Jacobi's elliptic functions, beside its time."""
    data = pendulums(quick)
    theta, k = arrays(data)
    m = np.sin(theta / 2)
    sn, cn, _, _ = ellipj(ellipk(m * m) - np.sqrt(k) * END, m * m)
    exact = named(2 * np.arcsin(m * sn), -2 * m * np.sqrt(k) * cn)
    fixed = ("implicit_midpoint", "velocity_verlet", "rk4")
    sides = {f"{method}, 1000 steps": ours(method, step=H) for method in fixed}
    sides |= {f"{method}, rtol 1e-6": ours(method) for method in ("dopri5", "dop853")}
    sides |= {"dop853, rtol 1e-9": ours("dop853", rtol=1e-9, atol=1e-12)}
    sides |= {"NumPy velocity-Verlet": numpy_verlet, "NumPy RK4": numpy_rk4, "solve_ivp, stacked": stacked}
    took = medians([lambda side=side: side(data) for side in sides.values()], laps)
    rows = []
    for (name, side), took_one in zip(sides.items(), took, strict=True):
        found = side(data)
        error = max(float(np.abs(np.asarray(found[state]) - exact[state]).max()) for state in STATES)
        rows.append((name, took_one, error))
    columns = {"method": str, "takes": seconds, "largest error": lambda value: f"{value:.1e}"}
    return Table("accuracy beside time: 20,000 pendulums, T = 10", columns, rows, ["float64, one thread"])


# Chains so short that several of them are under way at once.
CHAIN, REPEAT = 8, 8000


@lane
def chain(v, x, y):
    for _ in range(CHAIN):
        v = v * x + y
    return v


@outermost
def multiply_and_add(tile, x, y):
    for _ in range(REPEAT):
        for j in range(64):
            tile[j] = chain(tile[j], x, y)


# Operations of one RK4 step: 4 slopes of 8, 3 states of 3 products and 3 sums, and the result.
LORENZ_OPERATIONS = 4 * 8 + 3 * 3 * 2 + 3 * 4 * 2


def arithmetic(quick: bool, laps: int) -> Table:
    """Lorenz-63 by RK4: operations a second, and how many the machine can do."""
    cells, steps = (64, 10) if quick else (20_000, 1000)
    rng = np.random.default_rng(0)
    start = xr.Dataset({name: ("cell", rng.normal(size=cells)) for name in "xyz"})

    def run() -> Any:
        return gt.ode.integrate(lorenz, start, (0.0, 0.005 * steps), params={"rho": 28.0}, method="rk4", step=0.005)

    tile = np.ones(64)
    took, limit = medians([run, lambda: multiply_and_add(tile, 0.999, 0.001)], laps)
    operations = cells * steps * LORENZ_OPERATIONS
    peak = 2.0 * 64 * CHAIN * REPEAT / limit
    rate = {"GFLOP/s": lambda value: f"{value / 1e9:.1f}"}
    columns = {"what": str, "takes": seconds, **rate, "peak takes": times}
    rows = [
        ("Lorenz-63, 1000 steps", took, operations / took, peak * took / operations),
        ("chains of v x + y", limit, peak, 1.0),
    ]
    return Table("distance to the peak rate of arithmetic", columns, rows, [f"{LORENZ_OPERATIONS} operations a step"])


TABLES = [accuracy, arithmetic]
