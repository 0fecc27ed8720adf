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
    compat: bool

    def retested(self, kernel: Any, **options: Any) -> xr.Dataset:
        """Run a kernel that judges the score of the plain test anew."""
        judged = {name: self.test[name] for name in ("alpha", "continuity", "alternative")}
        return apply(
            kernel, self.da, self.line_slope, self._field("s"), self._field("var_s"),
            dim=self.dim, axis=self.axis, steps=self.axis.steps, **judged, **options,
        )  # fmt: skip

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
    return record.retested(
        variance_corrections.corrected_variance,
        correction=variance_corrections.HAMED_RAO, lags=lags, bound=bound, compress=record.compat,
    )  # fmt: skip


def yue_wang(record: Record) -> xr.Dataset:
    """Variance by Yue & Wang 2004."""
    if isinstance(record.lag, str) and record.lag == "all" and not record.compat:
        warn_caller(
            f"{given('lag', 'all')} sums the autocorrelations of every lag, which is no consistent estimate: the sum comes to "
            "nearly -1/2 for any series, so that persistence is not corrected for. Leave lag out (first lag), or use "
            f"{given('method', 'hamed_rao')}."
        )
    return record.retested(
        variance_corrections.corrected_variance,
        correction=variance_corrections.YUE_WANG, lags=_lags(record, default=1), bound=BAND, compress=record.compat,
    )  # fmt: skip


def prewhitened(record: Record) -> xr.Dataset:
    """Von Storch 1995: whitened always, trend and all."""
    return record.tested(record.whitened(prewhitening.PLAIN, bound=0.0))


def trend_free_prewhitened(record: Record) -> xr.Dataset:
    """Yue et al. 2002."""
    return record.tested(record.whitened(prewhitening.TREND_FREE))


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


def resampled(record: Record) -> xr.Dataset:
    """Blocks of the detrended series drawn with replacement (Onoz & Bayazit 2012)."""
    return record.retested(
        block_bootstrap.block_bootstrap,
        lags=_lags(record, default=LEADING, least=0), bound=BAND,
        resamples=record.resamples, seed=record.seed, compress=False,
    )  # fmt: skip


def scaling_hypothesis(record: Record) -> xr.Dataset:
    """Hamed 2008."""
    return record.retested(long_term_persistence.scaling_test, growth=long_term_persistence.growth_table(), bound=BAND)


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
}
LAGGED = ("hamed_rao", "yue_wang", "block_bootstrap")
# What the exact distribution of S holds for: independent values, or those made so.
INDEPENDENT = ("original", "prewhitening", "tfpw", "vctfpw", "3pw")
OWN_SLOPE = ("vctfpw", "3pw")


def _line(record: Record, series: xr.Dataset) -> dict[str, xr.DataArray]:
    """Theil-Sen slope, limits and intercept of a whitened series."""
    result = apply(
        theil_sen.theil_sen, record.series(series),
        dim=record.dim, axis=replace(record.axis, order=None), min_valid=record.test["min_valid"], **record.line,
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
