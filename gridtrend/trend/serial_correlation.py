"""The Mann-Kendall test under serial correlation: what each method makes of the plain test.

A method is a function from a `Record`, which holds the plain test, to the variables that it changes or adds.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import is_whole
from gridtrend.grid.dialect import given
from gridtrend.grid.notices import warn_caller
from gridtrend.grid.timeaxis import TimeAxis
from gridtrend.trend.kernels import (
    block_bootstrap,
    exact_distribution,
    long_term_persistence,
    mann_kendall,
    prewhitening,
    theil_sen,
    variance_corrections,
    wang_swail,
)
from gridtrend.trend.kernels.variance_corrections import LEADING
from gridtrend.trend.options import two_sided_quantile

# Autocorrelations outside this band, in standard errors, are taken for real: 5 % of those of white noise are.
BAND = two_sided_quantile(0.05)
# More lags than any record has.
ALL = 2**62
TESTED = ("tau", "s", "var_s", "z", "p_value", "trend")


@dataclass(frozen=True)
class Record:
    """One field, the plain test of it, and how it was asked for.

    Parameters
    ----------
    da : DataArray
    dim : str
    axis : TimeAxis
    plain : Dataset
        The plain test, with slope.
    test : dict
        Arguments of the plain test's kernel.
    line : dict
        Arguments of the slope's kernel.
    p_method : int
        Code of the kind of p-value.
    lag : int, "all" or None
    resamples, seed : int
    bias_correction : bool
        Whether r1 is corrected for the bias that short series give it.
    compat : bool
        Whether gaps are closed and all lags used, as pymannkendall does.
    """

    da: xr.DataArray
    dim: str
    axis: TimeAxis
    plain: xr.Dataset
    test: dict[str, Any]
    line: dict[str, Any]
    p_method: int
    lag: int | str | None
    resamples: int
    seed: int
    bias_correction: bool
    compat: bool

    def retested(self, kernel: Any, **options: Any) -> xr.Dataset:
        """Run a kernel that judges the score of the plain test anew."""
        judged = {name: self.test[name] for name in ("alpha", "continuity", "alternative")}
        return apply(
            kernel, self.da, self.line_slope, self._field("s"), self._field("var_s"),
            dim=self.dim, axis=self.axis, steps=self.axis.steps, **judged, **options,
        )  # fmt: skip

    def limited(
        self, judged: xr.Dataset, whitened: xr.Dataset | None = None, *, variance: str = "var_s", kept: Any = None
    ) -> xr.Dataset:
        """A judged test with limits of the slope, where they are wanted, from the variance of S that it was judged by.

        Parameters
        ----------
        judged : Dataset
        whitened : Dataset, optional
            The series that was tested, if it was not the record itself.
        variance : str
            Name of the variance.
        kept : DataArray, optional
            The share of the trend that the tested series has kept, if not all.
        """
        if self.line["ci"] == theil_sen.NO_LIMITS:
            return judged
        da, axis, least = self.da, self.axis, self.test["min_valid"]
        if whitened is not None:
            da, axis, least = self.series(whitened), replace(axis, order=None), max(least - 1, 1)
        known = judged[variance].drop_vars(judged[variance].coords)
        limits = apply(theil_sen.slope_limits, da, known, dim=self.dim, axis=axis, min_valid=least, **self.line)
        if kept is not None:
            # A series that has kept nothing of its trend says nothing about it.
            limits = limits.map(lambda limit: (limit / kept).where(kept > 0).assign_attrs(limit.attrs))
        return judged.assign(limits.data_vars)

    @property
    def line_slope(self) -> xr.DataArray:
        """Theil-Sen slope per unit of the axis."""
        return self._field("slope") / self.axis.per

    def _field(self, name: str) -> xr.DataArray:
        # Without coordinates: that of the period bears the name of the data's time.
        field = self.plain[name]
        return field.drop_vars(field.coords)

    def whitened(self, mode: int, bound: float = BAND) -> xr.Dataset:
        """The series without lag-1 autocorrelation, and the latter."""
        return apply(
            prewhitening.whitened_series, self.da, self.line_slope,
            dim=self.dim, axis=self.axis, steps=self.axis.steps, mode=mode,
            bound=0.0 if self.compat else bound, compress=self.compat,
        )  # fmt: skip

    def series(self, whitened: xr.Dataset) -> xr.DataArray:
        """The whitened series under the name of the data: what follows are tests of these."""
        return whitened["_whitened"].drop_attrs(deep=False).assign_attrs(self.da.attrs).rename(self.da.name)

    def tested(self, whitened: xr.Dataset) -> xr.Dataset:
        """The plain test of a whitened series, which may have lost its first value."""
        test = self.test | {"min_valid": max(self.test["min_valid"] - 1, 1)}
        axis = replace(self.axis, order=None)
        series = self.series(whitened)
        result = apply(mann_kendall.mann_kendall, series, dim=self.dim, axis=axis, **test)
        result = result.assign(exact_p(series, self.dim, axis, test, self.p_method))
        known = self.plain["n_valid"] >= self.test["min_valid"]
        judged = {name: result[name].where(known, 0 if name == "trend" else float("nan")) for name in TESTED}
        return result[list(TESTED)].assign(judged).assign(r1=whitened["_r1"])


def exact_p(
    da: xr.DataArray, dim: str, axis: TimeAxis, test: dict[str, Any], p_method: int
) -> Mapping[Hashable, xr.DataArray]:
    """The p-value and the flag of the plain test from the exact distribution of S, where that is wanted."""
    if p_method == exact_distribution.NORMAL:
        return {}
    options = {name: value for name, value in test.items() if name != "variant"}
    return apply(exact_distribution.exact_test, da, dim=dim, axis=axis, p_method=p_method, **options).data_vars


def hamed_rao(record: Record) -> xr.Dataset:
    """Variance by Hamed & Rao 1998."""
    lags = _lags(record, default=LEADING)
    bound = two_sided_quantile(record.test["alpha"]) if record.compat else BAND
    return _corrected(record, variance_corrections.HAMED_RAO, lags, bound).drop_vars("r1")


def yue_wang(record: Record) -> xr.Dataset:
    """Variance by Yue & Wang 2004."""
    if isinstance(record.lag, str) and record.lag == "all" and not record.compat:
        warn_caller(
            f"{given('lag', 'all')} sums the autocorrelations of every lag, which is no consistent estimate: the sum comes to "
            "nearly -1/2 for any series, so that persistence is not corrected for. Leave lag out (first lag), or use "
            f"{given('method', 'hamed_rao')}."
        )
    return _corrected(record, variance_corrections.YUE_WANG, _lags(record, default=1)).drop_vars("r1")


def first_order(record: Record) -> xr.Dataset:
    """Variance of an AR(1) process, by the sum over all lags."""
    return _corrected(record, variance_corrections.AR1, lags=1)


def _corrected(record: Record, correction: int, lags: int, bound: float = BAND) -> xr.Dataset:
    return record.limited(
        record.retested(
            variance_corrections.corrected_variance,
            correction=correction, lags=lags, bound=bound, compress=record.compat,
            unbiased=record.bias_correction,
        )
    )  # fmt: skip


def prewhitened(record: Record) -> xr.Dataset:
    """Von Storch 1995: whitened always, trend and all."""
    series = record.whitened(prewhitening.PLAIN, bound=0.0)
    result = record.tested(series)
    # A trend b of y(i) is one of (1 - r) b of y(i) - r y(i-1).
    return record.limited(result, series, kept=1.0 - result["r1"])


def trend_free_prewhitened(record: Record) -> xr.Dataset:
    """Yue et al. 2002."""
    series = record.whitened(prewhitening.TREND_FREE)
    return record.limited(record.tested(series), series)


def variance_corrected_prewhitened(record: Record) -> xr.Dataset:
    """Wang et al. 2015."""
    series = record.whitened(prewhitening.VARIANCE_CORRECTED)
    return record.tested(series).assign(_line(record, series))


def three_prewhitenings(record: Record) -> xr.Dataset:
    """Collaud Coen et al. 2020: the larger p of two whitenings, the slope of the third."""
    plain = record.tested(record.whitened(prewhitening.PLAIN))
    trend_free = record.tested(record.whitened(prewhitening.TREND_FREE))
    larger = plain["p_value"] > trend_free["p_value"]
    chosen = {
        name: plain[name].where(larger, variable).assign_attrs(variable.attrs)
        for name, variable in trend_free.data_vars.items()
    }
    series = record.whitened(prewhitening.VARIANCE_CORRECTED)
    return trend_free.assign(chosen).assign(_line(record, series))


def iteratively_prewhitened(record: Record) -> xr.Dataset:
    """Zhang et al. 2000, Wang & Swail 2001."""
    series = apply(
        wang_swail.iterated_whitening, record.da,
        dim=record.dim, axis=record.axis, steps=record.axis.steps, min_valid=record.test["min_valid"],
        unbiased=record.bias_correction,
    )  # fmt: skip
    result = record.tested(series)
    line = _line(record, series, max(record.test["min_valid"] - 1, 1))
    line = {name: da.where(result["p_value"].notnull()).assign_attrs(da.attrs) for name, da in line.items()}
    # That of the whitened series is later by r / (1 - r) steps, which differ in length on irregular axes.
    slope = line["slope"].drop_vars(line["slope"].coords) / record.axis.per
    through = apply(
        theil_sen.intercepts, record.da, slope,
        dim=record.dim, axis=record.axis, intercept_method=record.line["intercept_method"],
    )  # fmt: skip
    return result.assign(line).assign(through.data_vars)


def resampled(record: Record) -> xr.Dataset:
    """Blocks of the detrended series drawn with replacement (Onoz & Bayazit 2012)."""
    result = record.retested(
        block_bootstrap.block_bootstrap,
        lags=_lags(record, default=LEADING, least=0), bound=BAND, quantile=record.line["quantile"],
        resamples=record.resamples, seed=record.seed, compress=False,
    )  # fmt: skip
    return record.limited(result, variance="_width").drop_vars("_width")


def scaling_hypothesis(record: Record) -> xr.Dataset:
    """Hamed 2008."""
    growth = long_term_persistence.growth_table()
    return record.limited(record.retested(long_term_persistence.scaling_test, growth=growth, bound=BAND))


METHODS: dict[str, Callable[[Record], xr.Dataset] | None] = {
    "original": None,
    "hamed_rao": hamed_rao,
    "yue_wang": yue_wang,
    "prewhitening": prewhitened,
    "tfpw": trend_free_prewhitened,
    "vctfpw": variance_corrected_prewhitened,
    "3pw": three_prewhitenings,
    "block_bootstrap": resampled,
    "ltp": scaling_hypothesis,
    "ar1": first_order,
    "wang_swail": iteratively_prewhitened,
}
LAGGED = ("hamed_rao", "yue_wang", "block_bootstrap")
# What the exact distribution of S holds for: independent values, or those made so.
INDEPENDENT = ("original", "prewhitening", "tfpw", "vctfpw", "3pw", "wang_swail")
UNBIASED = ("ar1", "wang_swail")
OWN_SLOPE = ("vctfpw", "3pw", "wang_swail")
# What the limits of the slope come from, where not from the variance of S of independent values.
CORRECTED, OF_WHITENED = "corrected variance", "whitened series"
LIMITS_FROM = {
    "hamed_rao": CORRECTED,
    "yue_wang": CORRECTED,
    "ar1": CORRECTED,
    "ltp": CORRECTED,
    "block_bootstrap": "resampled scores",
    "prewhitening": "whitened series over 1 - r1",
    "tfpw": OF_WHITENED,
    "vctfpw": OF_WHITENED,
    "3pw": OF_WHITENED,
    "wang_swail": OF_WHITENED,
}


def _line(record: Record, series: xr.Dataset, min_valid: int | None = None) -> dict[str, xr.DataArray]:
    """Theil-Sen slope, limits and intercept of a whitened series."""
    least = record.test["min_valid"] if min_valid is None else min_valid
    result = apply(
        theil_sen.theil_sen, record.series(series),
        dim=record.dim, axis=replace(record.axis, order=None), min_valid=least, **record.line,
    )  # fmt: skip
    attrs = result["intercept"].attrs
    result["intercept"] = (result["intercept"] + series["_level"].drop_vars(series["_level"].coords)).assign_attrs(
        attrs
    )
    return {str(name): da for name, da in result.data_vars.items() if name != "n_valid"}


def _lags(record: Record, default: int, least: int = 1) -> int:
    """The number of lags to look at."""
    if (isinstance(record.lag, str) and record.lag == "all") or (record.lag is None and record.compat):
        return ALL
    if record.lag is None:
        return default
    if not is_whole(record.lag, least):
        raise ValueError(
            f"{given('lag', record.lag)} is not a number of lags; give a whole number from {least} on, or 'all'."
        )
    lag, size = int(record.lag), record.da.sizes[record.dim]
    if lag >= max(size, least + 1):
        raise ValueError(
            f"{given('lag', record.lag)} is as long as the record of {size} steps, and no two values are so far apart; "
            f"give a lag of at most {size - 1}, or 'all'."
        )
    return lag
