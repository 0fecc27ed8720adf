"""The table that the contract suite runs over: a new function, method or option is one more row."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

import gridtrend as gt
from gridtrend.trend.change_points import NAMES as CHANGE_NAMES
from gridtrend.trend.kernels import (
    change_points,
    cox_stuart,
    grouped_test,
    kendall_tau,
    linear_trend,
    mann_kendall,
    partial_mann_kendall,
    quantile_trend,
    siegel_slope,
    spearman_rho,
    theil_sen,
)
from tests import (
    reference,
    reference_changes,
    reference_cox_stuart,
    reference_groups,
    reference_quantile_trend,
    reference_spearman_rho,
)
from tests import reference_serial as serial

# Whole numbers, and a variance that is a multiple of 1/18: the reference and the kernel round neither.
EXACT = frozenset({"s", "var_s", "n_valid", "trend", "change"})
# Differences of numbers as large as the data, or as the data over the length of the record: so is their rounding.
LEVELS = frozenset({"intercept", "mean_before", "mean_after"})
RATES = frozenset({"slope", "slope_lower", "slope_upper", "stderr"})
RTOL = 1e-12
# Outputs that rise and fall with the data.
SIGNED = frozenset({"tau", "rho", "s", "z", "trend", "slope", "slope_lower", "slope_upper"})


def no_others(da, dim):
    """Return no further input: the function looks at one field alone."""
    return ()


def another_field(da, dim):
    """Return a second field, lazy as the first, missing where it is, and independent of its neighbours."""
    step = np.arange(da.sizes[dim])
    wave = xr.DataArray(np.cos(7.0 * step).round(1), dims=dim)
    # Single precision stays so, to run the kernel that is compiled for it.
    wave = wave.astype(np.float32 if da.dtype.newbyteorder("=") == np.float32 else float)
    return (wave - da.astype(wave.dtype) * wave.dtype.type(0.5),)


def one_series(da, dim):
    """Return one series with ties and a gap, the same for all cells."""
    values = np.cos(7.0 * np.arange(da.sizes[dim])).round(1)
    values[5:6] = np.nan
    return (xr.DataArray(values, dims=dim),)


def one_field(da, dim):
    """Return the field itself."""
    return da


def three_sites(da, dim):
    """Return a field with a further dimension: the field, one that follows it, and the field with gaps of its own."""
    (other,) = another_field(da, dim)
    da = da.astype(other.dtype)
    holed = da.where(xr.DataArray(np.arange(da.sizes[dim]) % 5 > 0, dims=dim))
    options = {"coords": "minimal", "compat": "override", "join": "exact", "combine_attrs": "override"}
    sites = xr.concat([da, other.drop_vars(other.coords).assign_coords(da.coords), holed], "site", **options)
    return sites.chunk(site=-1) if da.chunks is not None else sites


@dataclass(frozen=True)
class Case:
    """One public function with one set of options, and its slow, obvious version."""

    name: str
    function: Callable[..., xr.Dataset]
    reference: Callable[..., dict[str, float]]
    kernel: Any
    options: dict[str, Any] = field(default_factory=dict)
    # Further inputs of the function, made from the first one.
    others: Callable[[xr.DataArray, str], tuple[xr.DataArray, ...]] = no_others
    # The field as the function wants it, with a further dimension perhaps.
    widen: Callable[[xr.DataArray, str], xr.DataArray] = one_field
    # Outputs whose units follow from those of the data; all others are pure numbers.
    units: dict[str, str] = field(default_factory=dict)
    timed: bool = True
    # Outputs that it adds to those of the kernel.
    further: tuple[str, ...] = ()
    # Outputs that neither the reference nor the kernel rounds, and how far the others may differ.
    exact: frozenset[str] = EXACT
    rtol: float = RTOL
    # Whether time may run backwards.
    reversible: bool = True
    # Whether the slow version is quick enough for hundreds of values.
    long: bool = True
    # How much an answer makes of the rounding of what it is computed from.
    magnified: Callable[[dict[str, float]], float] = lambda answer: 1.0
    # Share of the distance of the limits by which they may differ: a variance that is interpolated moves their ranks.
    moved: float = 0.0
    # Outputs, where they are not those of the kernel.
    names: tuple[str, ...] = ()
    # Outputs whose sign changes where time runs backwards.
    signed: frozenset[str] = SIGNED
    # Values of each option other than the default one, tried one by one and compared with the reference.
    tried: dict[str, list[Any]] = field(default_factory=dict)

    def __str__(self):
        return self.name

    def __call__(self, da, dim="time", **options):
        wide = self.widen(da, dim)
        return self.function(wide, *self.others(da, dim), dim=dim, **self.options | options)

    @property
    def outputs(self):
        return list(self.names) or [*(output.name for output in self.kernel.outputs), *self.further]

    def expected(self, da, t=None, dim="time"):
        """Return the reference's answer for a series at times `t`, in the unit that slopes are per."""
        wide = self.widen(da, dim).transpose(dim, ...)
        series = [np.asarray(other.values) for other in (wide, *self.others(da, dim))]
        times = {"t": t} if self.timed else {}
        answer = self.reference(*series, **times, **self.options_of_reference)
        return {name: answer[name] for name in self.outputs}

    @property
    def options_of_reference(self):
        return {name: value for name, value in self.options.items() if name not in ("slope", "method", "over")}


LINE_UNITS = {
    "slope": "K year-1",
    "intercept": "K",
    "slope_lower": "K year-1",
    "slope_upper": "K year-1",
}

CASES = [
    Case(
        "mann_kendall",
        gt.mann_kendall,
        reference.mann_kendall,
        mann_kendall.mann_kendall_slope,
        units=LINE_UNITS,
        tried={
            "alpha": [0.01, 0.3],
            "alternative": ["increasing", "decreasing"],
            "p_value": ["exact", "auto"],
            "continuity": [False],
            "tau": ["a"],
            "intercept": ["joint"],
            "ci": ["rounded"],
            "min_valid": [1, 9],
        },
    ),
    Case(
        "mann_kendall_without_slope",
        gt.mann_kendall,
        reference.mann_kendall,
        mann_kendall.mann_kendall,
        options={"slope": False},
        tried={"alpha": [0.3], "tau": ["a"], "min_valid": [1, 9]},
    ),
    Case(
        "theil_sen",
        gt.theil_sen,
        reference.theil_sen,
        theil_sen.theil_sen,
        units=LINE_UNITS,
        tried={
            "alpha": [0.01, 0.3],
            "intercept": ["joint"],
            "ci": ["rounded"],
            "min_valid": [1, 9],
        },
    ),
    Case(
        "siegel_slope",
        gt.siegel_slope,
        reference.siegel_slope,
        siegel_slope.siegel_slope,
        units={"slope": "K year-1", "intercept": "K"},
        tried={"intercept": ["conover"], "min_valid": [1, 9]},
    ),
    Case(
        "spearman_rho",
        gt.spearman_rho,
        reference_spearman_rho.spearman_rho,
        spearman_rho.spearman_rho,
        tried={
            "alpha": [0.01, 0.3],
            "alternative": ["increasing", "decreasing"],
            "p_value": ["auto"],
            "min_valid": [1, 9],
        },
    ),
    Case(
        "quantile_trend",
        gt.quantile_trend,
        reference_quantile_trend.quantile_trend,
        quantile_trend.quantile_trend,
        # One quantile, whose results have no further dimension.
        options={"q": 0.5},
        units=LINE_UNITS,
        rtol=1e-9,
        tried={"q": [0.1, 0.25, 0.9], "alpha": [0.01, 0.3], "min_valid": [1, 9]},
        # The slow version computes with fractions.
        long=False,
    ),
    Case(
        "cox_stuart",
        gt.cox_stuart,
        reference_cox_stuart.cox_stuart,
        cox_stuart.cox_stuart,
        exact=EXACT | {"n_pairs"},
        tried={
            "alpha": [0.01, 0.3],
            "alternative": ["increasing", "decreasing"],
            "pairs": ["halves"],
            "p_value": ["normal", "sachs"],
            "min_valid": [1, 9],
        },
    ),
    Case(
        "linear_trend",
        gt.linear_trend,
        reference_changes.linear_trend,
        linear_trend.linear_trend,
        units=LINE_UNITS | {"stderr": "K year-1"},
        magnified=reference_changes.magnified,
        tried={
            "alpha": [0.01, 0.3],
            "alternative": ["increasing", "decreasing"],
            "effective": [None],
            "min_valid": [1, 9],
        },
    ),
    *(
        Case(
            name,
            getattr(gt, name),
            getattr(reference_changes, name),
            change_points.change_point,
            # Few series, as the slow version draws the same ones.
            options={"simulations": 99},
            units={"mean_before": "K", "mean_after": "K", "change_time": None},
            reversible=False,
            names=CHANGE_NAMES,
            tried={"alpha": [0.3], "min_valid": [1, 9]} | tried,
        )
        for name, tried in (
            ("pettitt", {"p_value": ["simulated"]}),
            ("snht", {"simulations": [500], "seed": [7]}),
            ("buishand", {"statistic": ["u"], "simulations": [500], "seed": [7]}),
        )
    ),
    Case(
        "kendall_tau_of_two_fields",
        gt.kendall_tau,
        reference.kendall_tau,
        kendall_tau.kendall_tau,
        others=another_field,
        timed=False,
        tried={
            "variant": ["a", "c"],
            "p_value": ["asymptotic", "exact"],
            "alternative": ["increasing", "decreasing"],
            "min_valid": [9],
        },
    ),
    Case(
        "kendall_tau_of_field_and_series",
        gt.kendall_tau,
        reference.kendall_tau,
        kendall_tau.kendall_tau,
        others=one_series,
        timed=False,
        tried={"variant": ["c"], "p_value": ["asymptotic"]},
    ),
    Case(
        "seasonal_mann_kendall",
        gt.seasonal_mann_kendall,
        reference_groups.seasonal_mann_kendall,
        grouped_test.grouped_test,
        options={"period": 3},
        units=LINE_UNITS,
        tried={
            "period": [1, 4],
            "correlated": [True],
            "alpha": [0.3],
            "alternative": ["increasing", "decreasing"],
            "p_value": ["exact", "auto"],
            "continuity": [False],
            "tau": ["a"],
            "intercept": ["joint"],
            "ci": ["rounded"],
            "min_valid": [1, 9],
        },
    ),
    Case(
        "regional_mann_kendall",
        gt.regional_mann_kendall,
        reference_groups.regional_mann_kendall,
        grouped_test.grouped_test,
        options={"over": "site"},
        widen=three_sites,
        units=LINE_UNITS,
        tried={"correlated": [True], "p_value": ["exact"], "tau": ["a"], "min_valid": [9]},
    ),
    Case(
        "partial_mann_kendall",
        gt.partial_mann_kendall,
        reference_groups.partial_mann_kendall,
        partial_mann_kendall.partial_mann_kendall,
        others=one_series,
        exact=EXACT - {"s", "var_s"},
        names=("tau", "s", "var_s", "z", "p_value", "rho", "n_valid", "trend", *reference.LINES),
        units=LINE_UNITS,
        tried={
            "alpha": [0.3],
            "alternative": ["increasing", "decreasing"],
            "tau": ["a"],
            "intercept": ["joint"],
            "ci": ["rounded"],
            "min_valid": [1, 9],
        },
    ),
]
# Of all variables of a Dataset together.
TOGETHER = [
    Case(
        "multivariate_mann_kendall",
        gt.multivariate_mann_kendall,
        reference_groups.regional_mann_kendall,
        grouped_test.grouped_test,
    )
]

# Whole numbers and flags; the variance is multiplied by a sum of products.
COUNTED = frozenset({"s", "n_valid", "trend", "variance_fallback", "block_length"})


def method(name, slow, *further, options=None, **kwargs):
    """Return the row of one method of the Mann-Kendall test."""
    return Case(
        f"mann_kendall_{name}",
        gt.mann_kendall,
        slow,
        mann_kendall.mann_kendall_slope,
        options={"method": name} | (options or {}),
        units=LINE_UNITS,
        further=further,
        exact=COUNTED,
        **{"rtol": 1e-9} | kwargs,
    )


CASES += [
    method(
        "hamed_rao",
        serial.corrected_variance("hamed_rao"),
        "variance_factor",
        "variance_fallback",
        tried={"lag": [1, 3, "all"], "alternative": ["increasing"], "continuity": [False]},
    ),
    method(
        "yue_wang",
        serial.corrected_variance("yue_wang"),
        "variance_factor",
        "variance_fallback",
        tried={"lag": [3], "alpha": [0.3], "alternative": ["decreasing"]},
    ),
    method(
        "ar1",
        serial.ar1,
        "variance_factor",
        "variance_fallback",
        "r1",
        tried={"bias_correction": [False], "ci": ["rounded"], "alternative": ["increasing"], "min_valid": [1, 9]},
    ),
    method(
        "wang_swail",
        serial.wang_swail,
        "r1",
        reversible=False,
        tried={"bias_correction": [False], "intercept": ["joint"], "ci": ["rounded"], "min_valid": [1, 9]},
    ),
    method(
        "prewhitening",
        serial.prewhitening("prewhitening"),
        "r1",
        reversible=False,
        tried={
            "p_value": ["exact"],
            "tau": ["a"],
            "alternative": ["increasing"],
            "min_valid": [1, 9],
        },
    ),
    method("tfpw", serial.prewhitening("tfpw"), "r1", reversible=False, tried={"alpha": [0.3], "continuity": [False]}),
    method(
        "vctfpw",
        serial.prewhitening("vctfpw"),
        "r1",
        reversible=False,
        tried={"intercept": ["joint"], "ci": ["rounded"], "alpha": [0.3]},
    ),
    method(
        "3pw", serial.prewhitening("3pw"), "r1", reversible=False, tried={"alternative": ["decreasing"], "alpha": [0.3]}
    ),
    method(
        "block_bootstrap",
        serial.block_bootstrap,
        "variance_factor",
        "block_length",
        options={"resamples": 40},
        long=False,
        reversible=False,
        tried={"lag": [0, 3], "seed": [1], "alternative": ["increasing", "decreasing"], "alpha": [0.01, 0.9]},
    ),
    # The exponent is the place of a flat maximum; the variance interpolates a table to 0.2 %.
    method(
        "ltp",
        serial.scaling,
        "variance_factor",
        "hurst",
        rtol=0.005,
        moved=0.02,
        long=False,
        tried={"alternative": ["increasing"], "continuity": [False]},
    ),
]


def with_options():
    """Each row of the table, and each again for each value of each of its options."""
    for case in CASES:
        yield case
        for option, values in case.tried.items():
            for value in values:
                options = case.options | {option: value}
                yield replace(case, name=f"{case.name}-{option}={value}", options=options)


def series_of(da, dim="time"):
    """Return every cell's series as a one-dimensional DataArray, in the order of the other dimensions."""
    values = da.transpose(..., dim).values
    # Spelled out: -1 has no meaning for a record of no steps.
    rows = values.reshape(math.prod(values.shape[:-1]), da.sizes[dim])
    return [xr.DataArray(row, dims=dim) for row in rows]


def assert_same(result, expected):
    """Two results are the same to the last bit, names and types included; dask may hold either."""
    assert list(result.data_vars) == list(expected.data_vars)
    for name, da in expected.data_vars.items():
        found = result[name].transpose(*da.dims).values
        np.testing.assert_array_equal(found, da.values, err_msg=name, strict=True)


def numbers(values, da, dim):
    """Dates as years since the first of the record; other values as they are."""
    if values.dtype.kind != "M":
        return values
    return (values - da[dim].values.min()) / np.timedelta64(1, "D") / 365.2425


def assert_matches_reference(case, result, da, t=None, dim="time"):
    """Every cell of a result is what the slow version says: counts exactly, the rest to rounding."""
    order = [d for d in da.dims if d != dim]
    series = series_of(da, dim)
    expected = [case.expected(one, t, dim) for one in series]
    # An intercept is the difference of two numbers as large as the data: rounding is measured against those.
    finite = [np.abs(one.values.astype(float)[np.isfinite(one.values)]) for one in series]
    size = np.array([values.max(initial=0.0) for values in finite])
    magnified = np.array([case.magnified(answer) for answer in expected])
    duration = 1.0 if t is None or len(t) < 2 else np.ptp(t)
    for name in case.outputs:
        found = numbers(result[name].transpose(*order).values.ravel(), da, dim)
        wanted = np.array([answer[name] for answer in expected], dtype=float)
        if name in case.exact:
            np.testing.assert_array_equal(found, wanted, err_msg=name)
            continue
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted), err_msg=name)
        tolerance = case.rtol * np.abs(wanted) + case.rtol * size * ((name in LEVELS) + (name in RATES) / duration)
        tolerance += case.rtol * (name == "r1")
        if name in ("p_value", "stderr", "slope_lower", "slope_upper"):
            tolerance *= magnified
        if name in ("slope_lower", "slope_upper") and case.moved:
            tolerance += case.moved * np.array([answer["slope_upper"] - answer["slope_lower"] for answer in expected])
        wrong = np.flatnonzero(np.abs(found - wanted) > tolerance)
        assert wrong.size == 0, f"{name} of cells {wrong}: {found[wrong]}, not {wanted[wrong]}"
