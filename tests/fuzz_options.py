"""Options drawn at random: sound values by the names that all functions share, and seldom what no option is."""

import datetime
import decimal
import fractions
import inspect
from typing import Any

import numpy as np
import xarray as xr

from tests.fuzz_inputs import chance, pick

# What no option is.
NONSENSE = (
    None, True, "x", "", -1, 0, 1, 2.5, float("nan"), float("inf"), -float("inf"), 10**30, -(10**30), [], [1], {}, (), 1j, b"x",
    np.nan, np.array([1, 2]), np.array(3), np.float32(2), np.int8(3), np.uint64(2**63), np.datetime64("2000"), np.timedelta64("NaT"),
    xr.DataArray(1.0), len, slice(None), decimal.Decimal("0.5"), fractions.Fraction(1, 2), "naïve\x1b", ("time",), {"time": 1}, {1},
    "a" * 2000, datetime.date(2000, 1, 1), np.bool_(True), range(3), "12", "0.05", np.array("bh"), 5e-324, 1e308,
)  # fmt: skip
LENGTHS = (
    4,
    5,
    8,
    12,
    "5D",
    "6 days",
    "8D",
    np.timedelta64(6, "D"),
    datetime.timedelta(days=7),
    "1Y",
    "8M",
    10,
    np.int16(6),
)
# Sound values by name; an entry for a function, "function.name", comes first.
POOLS: dict[str, tuple[Any, ...]] = {
    "alpha": (0.05, 0.01, 0.3, 0.5, 1e-10, 0.999, np.float32(0.1)),
    "alternative": ("two-sided", "increasing", "decreasing", "greater", "less"),
    "p_value": ("normal", "exact", "auto"),
    "kendall_tau.p_value": ("auto", "exact", "asymptotic"),
    "pettitt.p_value": ("formula", "simulated"),
    "spearman_rho.p_value": ("t", "auto"),
    "cox_stuart.p_value": ("exact", "normal", "sachs"),
    "pairs": ("thirds", "halves"),
    "quantile_trend.q": (
        0.5,
        0.1,
        [0.9],
        [0.1, 0.5, 0.9],
        (0.25, 0.75),
        np.float32(0.5),
        np.array([0.2, 0.8]),
        1e-6,
        [0.5, 0.5],
    ),
    "continuity": (True, False),
    "correlated": (True, False),
    "tau": ("a", "b"),
    "slope": (True, False),
    "per": ("auto", "year", "decade", "day", "step", "second", "month", "century", "hour", "fortnight"),
    "intercept": ("conover", "joint"),
    "ci": ("gilbert", "rounded", None),
    "min_valid": (1, 2, 3, 4, 9, 100, np.int64(5)),
    "method": (
        *("original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "vctfpw", "3pw", "block_bootstrap", "ltp"),
        *("ar1", "wang_swail"),
    ),
    "bias_correction": (True, False),
    "field_significance.method": ("bh", "by", "bky", "walker", "maxt"),
    "lag": (None, 0, 1, 3, "all", 100),
    "resamples": (20, 40, 3),
    "seed": (0, 1, 7, 2**32, 2**64 - 1, 2**64, 10**30),
    "compat": (None, "pymannkendall"),
    "variant": ("a", "b", "c"),
    "effective": ("ar1", None),
    "simulations": (99, 20, 40),
    "statistic": ("range", "q", "u"),
    "over": ("site", "variable", "lat", None, ["site"], ("site", "lat")),
    "period": (1, 2, 3, 4, 12, "month", "season", "week"),
    "permutations": (20, 40),
    "alpha_global": (0.05, 0.3),
    "alpha_fdr": (None, 0.1),
    "noise": (1.0, 0.0, [1.0, 2.0], xr.DataArray([1.0, np.nan], dims="x")),
    "r1": (0.0, 0.5, -0.3, 0.99, [0.1, 0.2]),
    "power": (0.9, 0.5),
    "window": LENGTHS,
    "hop": (None, 1, 2, *LENGTHS),
    "band_power.period": ((2, 5), (2.5, 6), ("2D", "5D"), (5, 2), None),
    "harmonic.period": (2, 3.5, "4D", 12),
    "frequency": (None, (0.1, 0.4), (0, 0.5), (0.4, 0.1), (0.2, 0.2)),
    "taper": (
        "hann",
        "boxcar",
        None,
        ("tukey", 0.25),
        ("kaiser", 8),
        "flattop",
        ("gaussian", 1),
        np.ones(8),
        "dpss",
        np.hanning(8),
    ),
    "detrend": (None, "constant", "linear"),
    "boundary": ("valid", "zeros", "pad", "even"),
    "nfft": (None, 8, 16, 13),
    "nan_policy": ("propagate", "raise", "fill"),
    "sampling": ("regular", "calendar"),
    "sides": ("onesided", "twosided"),
    "scaling": (None, "spectrum", "density"),
    "phase": ("start", "center"),
    "order": (2, 4, 6),
    "breaks": (None, [0.4], [0.4, 0.6], [], [5.0]),
    "missing": ("propagate", "raise", "drop"),
    "max_iterations": (1, 5, 30),
    "integrate.method": ("rk4", "dopri5"),
    "integrate.t": ((0.0, 1.0), (0, 2), (1.0, 0.0), (0.5, 0.5), None),
    "step": (0.1, 0.25, None, 1.0, 5.0),
    "save_at": (None, [0.5], [0.0, 0.3, 1.0], np.arange(0, 1.01, 0.1), []),
    "rtol": (1e-6, 1e-3, 1e-12),
    "atol": (1e-9, 1e-3),
    "max_step": (None, 0.1, 10.0),
    "max_steps": (1000, 1, 5),
    "interpolation": ("previous", "linear"),
    "state": ("state", "x", "lat"),
    "jacobian": (None,),
    "events": (None, None, None, {"hit": ("x", 0.5)}),
    "model": ("mlp", "linear"),
    "lags": (1, 2, 3),
    "horizon": (1, 2),
    "harmonics": (0, 1),
    "hidden": ((3,), (2, 2), ()),
    "activation": ("tanh", "relu", "sigmoid"),
    "epochs": (1, 2, 3),
    "learning_rate": (0.1, 0.01),
    "momentum": (0.0, 0.9),
    "l2": (0.0, 0.1),
    "decay": (1.0, 0.01),
    "clip": (None, 1.0),
    "patience": (None, 1),
    "batch": (None, 4, 100),
    "optimizer": ("adam", "sgd"),
    "loss": ("cross-entropy", "squared"),
    "scale": (True, False),
    "progress": (None, False),
    "truncate": (None, 2),
    "length": (1, 2, 3, 100),
    "fit_per_cell.period": (None, 12.0, 4),
}
# Drawn with an array, or of no use here.
GIVEN = {
    "self",
    "da",
    "x",
    "y",
    "p",
    "covariate",
    "data",
    "spectrum",
    "n",
    "dim",
    "start",
    "validation",
    "params",
    "forcing",
}
# Values that would take long, not be refused.
SLOW = {
    "simulations",
    "resamples",
    "permutations",
    "epochs",
    "max_steps",
    "max_step",
    "step",
    "rtol",
    "atol",
    "resolutions",
}


def options_of(rng, function, name, odd, always=()):
    """Options of a function: some of them, each of a sound value, or seldom of nonsense."""
    options = {}
    for parameter in inspect.signature(function).parameters.values():
        key = parameter.name
        pool = POOLS.get(f"{name}.{key}", POOLS.get(key))
        if key in GIVEN or pool is None or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if key in always or key in SLOW or chance(rng, 0.2):
            options[key] = pick(rng, pool)
        if chance(rng, odd / 3):
            options[key] = pick(rng, [value for value in NONSENSE if key not in SLOW or not _large(value)])
    return options


def _large(value):
    """Whether a number is sound, but too much of it: draws by the million."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and value > 100
