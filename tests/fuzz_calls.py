"""Calls of every public function made at random: mostly sound, with a few odd arguments.

`DRAWN` has an entry for each public name; options are drawn from `POOLS`, by the names that all functions share.
"""

import datetime
import decimal
import fractions
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import gridtrend as gt
from tests.fuzz_inputs import array, chance, chunked, companion, listed, pick

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
    "continuity": (True, False),
    "correlated": (True, False),
    "tau": ("a", "b"),
    "slope": (True, False),
    "per": ("auto", "year", "decade", "day", "step", "second", "month", "century", "hour", "fortnight"),
    "intercept": ("conover", "joint"),
    "ci": ("gilbert", "rounded", None),
    "min_valid": (1, 2, 3, 4, 9, 100, np.int64(5)),
    "method": ("original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "vctfpw", "3pw", "block_bootstrap", "ltp"),
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


@dataclass(frozen=True)
class Call:
    """One call: of what, with what, and the dimensions that chunks must leave whole; None where arrays are not lazy."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    whole: Any = "time"

    def __call__(self):
        return self.function(*self.args, **self.options)

    def in_chunks(self, rng, *, coordinates):
        args, options = chunked(rng, (self.args, self.options), self.whole, coordinates=coordinates)
        return Call(self.name, self.function, args, options, self.whole)

    def __str__(self):
        written = [_short(a) for a in self.args] + [f"{name}={_short(value)}" for name, value in self.options.items()]
        return f"{self.name}({', '.join(written)})"


def _short(value):
    """An argument, without the values of arrays."""
    if isinstance(value, xr.DataArray):
        coords = {name: (coord.dims, str(coord.dtype)) for name, coord in value.coords.items()}
        return f"DataArray({value.dtype}, {dict(value.sizes)}, {value.name!r}, coords={coords}, attrs={value.attrs!s:.200})"
    return f"{value!r:.300}"


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


def dimension(rng, da, odd):
    """The name of the dimension, seldom another."""
    return (
        pick(rng, ("lat", "nowhere", None, 3, ["time"], ("time",), "", *map(str, da.dims)))
        if chance(rng, odd / 4)
        else "time"
    )


# --- how the arguments of each function are made --------------------------------------------------


def one_array(rng, name, function, odd, **kinds):
    da = array(rng, odd=odd, numbers=not chance(rng, odd), **kinds)
    always = ("window",) if "window" in inspect.signature(function).parameters else ()
    options = options_of(rng, function, name, odd, always)
    dim = dimension(rng, da, odd)
    return Call(name, function, (da,), options | ({} if dim == "time" and chance(rng, 0.5) else {"dim": dim}), dim)


def two_arrays(rng, name, function, odd, **kinds):
    one = one_array(rng, name, function, odd, **kinds)
    return Call(name, function, (*one.args, companion(rng, one.args[0], "time", odd)), one.options, one.whole)


def spectral(rng, name, function, odd):
    make = two_arrays if name in ("coherence", "cross_spectrum") else one_array
    made = make(rng, name, function, odd, regular=True)
    if name == "harmonic":
        made.options.setdefault("period", pick(rng, POOLS["harmonic.period"]))
    if name == "band_power" and not {"period", "frequency"} & set(made.options):
        made.options["period"] = (2, 5)
    return made


def inverse(rng, name, function, odd):
    from tests.test_fuzz import attempt

    forward = spectral(rng, "sliding_fft", gt.sliding_fft, odd / 3)
    spectrum, _ = attempt(forward)
    if not isinstance(spectrum, xr.DataArray):
        spectrum = forward.args[0]
    return Call(name, function, (spectrum,), options_of(rng, function, name, odd), ("time", "frequency"))


def sites(rng, name, function, odd):
    da = array(rng, odd=odd, extra=[pick(rng, ("site", "variable"))])
    options = options_of(rng, function, name, odd)
    if not chance(rng, odd):
        options["over"] = next(each for each in ("site", "variable") if each in da.dims)
    over = options.get("over")
    whole = ("time", *(over if isinstance(over, list | tuple) else da.dims if over is None else [over]), "variable")
    if name == "multivariate_mann_kendall" and chance(rng, 0.4):
        return Call(name, function, (dataset(rng, odd),), options, whole)
    return Call(name, function, (da,), options, whole)


def dataset(rng, odd):
    """Several variables of the same steps."""
    first = array(rng, odd=odd / 3).rename("a")
    others = {pick(rng, ("b", "c", "z", 5)): companion(rng, first, "time", 0.0) for _ in range(2)}
    return xr.Dataset({"a": first} | others).assign_attrs(title="t")


def p_values(rng, name, function, odd):
    options = options_of(rng, function, name, odd)
    if options.get("method") == "maxt":
        return Call(name, function, (array(rng, odd=odd),), options | {"dim": "time"}, "time")
    da = array(rng, dim=None, odd=odd, extra=["lat"])
    with np.errstate(all="ignore"):
        da = (abs(da.astype(float)) % 1).astype("f8") if not chance(rng, odd) else da
    return Call(name, function, (da,), options, ())


def numbers(rng, name, function, odd):
    options = options_of(rng, function, name, odd)
    return Call(
        name, function, (pick(rng, NONSENSE) if chance(rng, odd) else int(pick(rng, (3, 10, 40))),), options, ()
    )


def accessor(rng, name, function, odd):
    """The accessors' methods, on DataArrays and Datasets."""
    method = pick(rng, METHODS)
    drawn = DRAWN[method](rng, method, public()[method], odd)
    data, *others = drawn.args
    if isinstance(data, xr.DataArray) and chance(rng, 0.5) and "time" in data.dims:
        data = (
            dataset(rng, odd)
            if chance(rng, 0.5)
            else data.rename("tas").to_dataset()
            if "tas" not in data.coords
            else data
        )
    required = {p.name for p in inspect.signature(public()[method]).parameters.values() if p.default is p.empty}
    options = drawn.options if chance(rng, 1 - odd) else {n: v for n, v in drawn.options.items() if n in required}
    return Call(f"accessor.{method}", _of_accessor(method), (data, *others), options, ("time", *listed(drawn.whole)))


def _of_accessor(method):
    return lambda data, *args, **options: getattr(data.gridtrend, method)(*args, **options)


def profile(rng, odd, dim="depth"):
    da = array(rng, dim=dim, n=int(pick(rng, (5, 8, 13))), odd=odd)
    da = da.astype("f8") if da.dtype.kind == "f" or not chance(rng, odd) else da
    if not chance(rng, odd):
        da = da.drop_vars(dim, errors="ignore").assign_coords({dim: np.linspace(0, 1, da.sizes[dim])})
    return da


CONDITIONS = (
    {"u": 0.0},
    {"u": 1.0},
    {"v": 0.5},
    {"w": 0.0},
    {},
    None,
    [({"u": 1.0, "v": 1.0}, 0.5)],
    {"u": np.nan},
    {"u": "x"},
    5,
    {"u": 1j},
)


def boundary(rng, name, function, odd):
    k = profile(rng, odd)
    sound = not chance(rng, odd)
    options = options_of(rng, function, name, odd) | {"dim": "depth" if sound else pick(rng, ("lat", None, "depth"))}
    for side in ("left", "right"):
        options[side] = {"u": float(rng.normal())} if sound else pick(rng, CONDITIONS)
    if name == "steady_diffusion":
        options.pop("decay", None)
        return Call(
            name,
            function,
            (abs(k) + 0.1 if sound else k, pick(rng, (0.0, 1.0, np.nan, "x", None)) if not sound else 1.0),
            options,
            "depth",
        )
    if name == "solve":
        return Call(
            name,
            function,
            (_oscillation if sound else pick(rng, (_oscillation, _half, _failing, None)), {"k": k}),
            options,
            "depth",
        )
    entries = (
        {("u", "v"): k, ("v", "u"): 1.0}
        if sound
        else pick(rng, ({("u", "v"): k}, {}, {"u": k}, None, {("u", "u"): "x"}))
    )
    sources = None if chance(rng, 0.5) else {"u": profile(rng, odd / 2) if not sound else 1.0}
    return Call(name, function, (entries, sources), options, "depth")


def _oscillation(y, c):
    return {"u": y["v"], "v": -c["k"] * y["u"]}


def _half(y, c):
    return {"u": y["v"]}


def _failing(y, c):
    return {"u": y["nothing"], "v": 0.0}


def variables_of(rng, name, function, odd):
    return Call(
        name,
        function,
        (dataset(rng, odd), {"A": pick(rng, ({("u", "v"): "a"}, {("u", "v"): "nowhere"}, None, 5)), "q": {"u": "b"}}),
        {},
    )


def _decay(t, y, p):
    return (-p.k * y.x,)


def _energy(y, p):
    return p.k * y.x**2


def states(rng, name, function, odd):
    start = array(rng, dim=None, odd=odd).rename("x")
    y0 = start.to_dataset() if "x" not in (*start.dims, *start.coords) else start
    options = options_of(rng, function, name, odd) | {"params": {"k": pick(rng, (1.0, 0.0, start * 0 + 1, np.nan))}}
    if chance(rng, odd):
        options["params"] = pick(rng, ({}, None, {"k": "x"}, {"k": [1, 2]}, {"q": 1.0}, 5, {"k": 1j}, {"k": object()}))
    if name == "energy_drift" and "t" in (*start.dims, *start.coords):
        start = start.isel(dict.fromkeys(start.dims, 0), drop=True) if start.size else xr.DataArray(1.0)
        start = start.reset_coords(drop=True)
    if name == "energy_drift":
        t = xr.DataArray(np.linspace(0, 1, 3), dims="t")
        run = pick(rng, (xr.Dataset({"x": start * t}), xr.Dataset({"x": t}).assign_coords(t=t), start, None))
        return Call(name, function, (_energy, run), options, "t")
    if name == "convergence_rate":
        options |= {"resolutions": pick(rng, ((4, 8), (4, 8, 16), (8,), (), (8, 4), None)), "method": "rk4"}
    elif "method" in options and options["method"] == "rk4" and not chance(rng, odd):
        options["step"] = pick(rng, (0.1, 0.25))
    if options.get("method") in (None, "dopri5") and not chance(rng, odd):
        options.pop("step", None)
    t = options.pop("t", (0.0, 1.0))
    return Call(name, function, (_decay, y0, t), options, ())


def per_cell(rng, name, function, odd):
    made = one_array(rng, name, gt.neural.fit_per_cell, odd)
    made.options["min_valid"] = made.options.get("min_valid", 5)
    if name == "fit_per_cell":
        return made
    from tests.test_fuzz import attempt

    model, _ = attempt(Call(name, gt.neural.fit_per_cell, made.args, made.options))
    return Call(
        name,
        function,
        (made.args[0], model if isinstance(model, xr.Dataset) else pick(rng, (None, xr.Dataset()))),
        {},
        "time",
    )


def plain(rng, odd, *shape):
    """A plain array of one of several kinds."""
    shape = pick(rng, (shape, shape[:-1], (0, *shape[1:]), (*shape, 2))) if chance(rng, odd) else shape
    values = (
        rng.normal(size=shape)
        if not chance(rng, odd)
        else pick(rng, (np.full(shape, np.nan), np.ones(shape) * 1e300, np.zeros(shape, "M8[s]")))
    )
    kinds = (
        lambda: values,
        lambda: _single(values),
        lambda: values.tolist(),
        lambda: xr.DataArray(values),
        lambda: "x",
        lambda: None,
    )
    return pick(rng, kinds[: 4 if not chance(rng, odd) else 6])()


def _single(values):
    with np.errstate(over="ignore"):
        return values.astype("f4") if values.dtype.kind == "f" else values


def layers(rng, odd, *sizes):
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    return [plain(rng, odd / 3, *pair) for pair in pairs], [plain(rng, odd / 3, pair[1]) for pair in pairs]


def networks(rng, name, function, odd):
    options = options_of(rng, function, name, odd)
    labels = rng.integers(0, 3, 8) if chance(rng, 0.5) else np.eye(3)[rng.integers(0, 3, 8)]
    args = {
        "softmax": lambda: (plain(rng, odd, 4, 3),),
        "Scaler": lambda: (plain(rng, odd, 8, 2),),
        "mlp_forward": lambda: (plain(rng, odd, 8, 2), *layers(rng, odd, 2, 4, 3)),
        "mlp_gradients": lambda: (plain(rng, odd, 8, 2), np.eye(3)[rng.integers(0, 3, 8)], *layers(rng, odd, 2, 4, 3)),
        "fit_mlp": lambda: (plain(rng, odd, 8, 2), labels if not chance(rng, odd) else plain(rng, odd, 8, 3)),
        "rnn_forward": lambda: (plain(rng, odd, 6, 2), *(plain(rng, odd / 3, *s) for s in ((4, 2), (4, 4), (3, 4)))),
        "rnn_gradients": lambda: (plain(rng, odd, 6, 2), plain(rng, odd, 6, 3), *(plain(rng, odd / 3, *s) for s in ((4, 2), (4, 4), (3, 4)))),
        "fit_rnn": lambda: (plain(rng, odd, 3, 6, 2), plain(rng, odd, 3, 6, 1)),
        "RNNParameters": lambda: tuple(plain(rng, odd / 3, *s) for s in ((4, 2), (4, 4), (3, 4), (4,), (3,))),
        "lagged": lambda: (plain(rng, odd, 20), *((pick(rng, (1, 2, 3)),))),
        "windows": lambda: (pick(rng, (array(rng, odd=odd), plain(rng, odd, 20, 2))), pick(rng, (1, 3, 100, *NONSENSE) if chance(rng, odd) else (1, 3))),
    }[name]()  # fmt: skip
    options.pop("lags", None)
    options.pop("length", None)
    if name in ("fit_rnn",) and not isinstance(options.get("hidden"), int):
        options["hidden"] = 3
    return Call(name, function, args, options, "time" if name == "windows" else None)


def estimators(rng, name, function, odd):
    options = options_of(rng, function, name, odd, ("epochs",))
    if name == "RNN" and not chance(rng, odd):
        options["hidden"] = 3
    x = plain(rng, odd, 3, 6, 2) if name == "RNN" else plain(rng, odd, 8, 2)
    y = (
        plain(rng, odd, 3, 6, 1)
        if name == "RNN"
        else rng.integers(0, 3, 8)
        if not chance(rng, odd)
        else plain(rng, odd, 8)
    )

    def trained(x, y, **options):
        return function(**options).fit(x, y).predict(x)

    return Call(name, trained, (x, y), options, None)


DRAWN: dict[str, Callable[..., Call]] = {
    **dict.fromkeys(("mann_kendall", "theil_sen", "siegel_slope", "linear_trend", "pettitt", "snht", "buishand", "seasonal_mann_kendall"), one_array),
    **dict.fromkeys(("kendall_tau", "partial_mann_kendall"), two_arrays),
    **dict.fromkeys(("regional_mann_kendall", "multivariate_mann_kendall"), sites),
    "field_significance": p_values,
    "minimum_detectable_trend": numbers,
    **dict.fromkeys(("band_power", "coherence", "cross_spectrum", "harmonic", "red_noise", "sliding_fft", "spectrogram", "welch"), spectral),
    "inverse_sliding_fft": inverse,
    **dict.fromkeys(("solve", "solve_linear", "steady_diffusion"), boundary),
    "with_variables": variables_of,
    **dict.fromkeys(("integrate", "convergence_rate", "energy_drift"), states),
    **dict.fromkeys(("fit_per_cell", "predict_per_cell"), per_cell),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor", "RNN"), estimators),
    **dict.fromkeys(
        ("softmax", "Scaler", "mlp_forward", "mlp_gradients", "fit_mlp", "rnn_forward", "rnn_gradients", "fit_rnn", "RNNParameters", "lagged", "windows"),
        networks,
    ),
    "accessor": accessor,
}  # fmt: skip
METHODS = tuple(
    name
    for name in DRAWN
    if name in dir(gt.accessor.DataArrayAccessor)
    and DRAWN[name] is not states
    and hasattr(gt.accessor.DatasetAccessor, name)
)


def public():
    """Every public function and class, by name."""
    found = {"accessor": None}
    for module in (gt.trend, gt.spectral, gt.bvp, gt.ode, gt.neural):
        found |= {name: getattr(module, name) for name in module.__all__}
    return found


def call(rng, name):
    """A call of the function of that name."""
    return DRAWN[name](rng, name, public()[name], float(pick(rng, (0.0, 0.1, 0.2, 0.4))))
