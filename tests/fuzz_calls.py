"""Calls of every public function made at random: mostly sound, with a few odd arguments.

`DRAWN` has an entry for each public name. A new function that takes more than one record has one there; options of
new names stand in `fuzz_options`.
"""

import inspect
import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask
import numpy as np
import xarray as xr

import gridtrend as gt
from gridtrend import public as public_names
from tests.fuzz_inputs import array, chance, chunked, companion, listed, pick
from tests.fuzz_options import NONSENSE, POOLS, options_of

# Options that hold arrays.
WITH_ARRAYS = ("params", "forcing", "noise", "left", "right")


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
        """The same call of arrays in dask's chunks."""
        args = chunked(rng, self.args, self.whole, coordinates=coordinates)
        options = {
            name: chunked(rng, value, self.whole, coordinates=coordinates) if name in WITH_ARRAYS else value
            for name, value in self.options.items()
        }
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


def attempt(run, scheduler="synchronous"):
    """What a call gives, or the error that it raises; and all warnings that it gave."""
    with warnings.catch_warnings(record=True) as told, dask.config.set(scheduler=scheduler):
        warnings.simplefilter("always")
        try:
            result = run()
        except Exception as error:  # noqa: BLE001
            result = error
    return result, told


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


def of_result(rng, name, function, odd):
    """A function of a result and of its record."""

    def trended(da, dim="time"):
        return function(gt.theil_sen(da, dim), da, dim)

    return one_array(rng, name, trended, odd)


def spectral(rng, name, function, odd):
    make = two_arrays if name in ("coherence", "cross_spectrum") else one_array
    made = make(rng, name, function, odd, regular=True)
    if name == "harmonic":
        made.options.setdefault("period", pick(rng, POOLS["harmonic.period"]))
    if name == "band_power" and not {"period", "frequency"} & set(made.options):
        made.options["period"] = (2, 5)
    return made


def inverse(rng, name, function, odd):
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
    # Their coordinates without a dimension differ from those of the first.
    names = [name for name in ("b", "c", "z", 5) if name not in (*first.dims, *first.coords)]
    others = {pick(rng, names): companion(rng, first, "time", 0.0).reset_coords(drop=True) for _ in range(2)}
    return xr.Dataset({"a": first} | others).assign_attrs(title="t")


def p_values(rng, name, function, odd):
    options = options_of(rng, function, name, odd)
    if str(options.get("method")) == "maxt":
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
        data = dataset(rng, odd) if chance(rng, 0.5) else data.drop_vars("tas", errors="ignore").to_dataset(name="tas")
    parameters = inspect.signature(public()[method]).parameters
    required = {p.name for p in parameters.values() if p.default is p.empty}
    options = drawn.options if chance(rng, 1 - odd) else {n: v for n, v in drawn.options.items() if n in required}
    whole = ("time", *listed(drawn.whole), *(data.dims if "over" in set(parameters) - set(options) else ()))
    return Call(f"accessor.{method}", _of_accessor(method), (data, *others), options, whole)


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
    whole = ("depth", options["dim"])
    for side in ("left", "right"):
        options[side] = {"u": float(rng.normal())} if sound else pick(rng, CONDITIONS)
    if name == "steady_diffusion":
        options.pop("decay", None)
        return Call(
            name,
            function,
            (abs(k) + 0.1 if sound else k, pick(rng, (0.0, 1.0, np.nan, "x", None)) if not sound else 1.0),
            options,
            whole,
        )
    if name == "solve":
        return Call(
            name,
            function,
            (_oscillation if sound else pick(rng, (_oscillation, _half, _failing, None)), {"k": k}),
            options,
            whole,
        )
    entries = (
        {("u", "v"): k, ("v", "u"): 1.0}
        if sound
        else pick(rng, ({("u", "v"): k}, {}, {"u": k}, None, {("u", "u"): "x"}))
    )
    sources = None if chance(rng, 0.5) else {"u": profile(rng, odd / 2) if not sound else 1.0}
    return Call(name, function, (entries, sources), options, whole)


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
    elif "method" in options and str(options["method"]) == "rk4" and not chance(rng, odd):
        options["step"] = pick(rng, (0.1, 0.25))
    if str(options.get("method")) in ("None", "dopri5") and not chance(rng, odd):
        options.pop("step", None)
    t = options.pop("t", (0.0, 1.0))
    return Call(name, function, (_decay, y0, t), options, ())


def per_cell(rng, name, function, odd):
    made = one_array(rng, name, gt.neural.fit_per_cell, odd)
    made.options["min_valid"] = made.options.get("min_valid", 5)
    if name == "fit_per_cell":
        return made
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
    pairs = list(itertools.pairwise(sizes))
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
    # Functions of one record, and those of which nothing else is said below.
    **dict.fromkeys(public_names.members("trend"), one_array),
    **dict.fromkeys(("kendall_tau", "partial_mann_kendall"), two_arrays),
    **dict.fromkeys(("regional_mann_kendall", "multivariate_mann_kendall"), sites),
    **dict.fromkeys(("as_percent", "fitted"), of_result),
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
    and DRAWN[name] not in (states, of_result)
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
