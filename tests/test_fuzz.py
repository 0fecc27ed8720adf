"""Calls of all public functions made at random: a result that chunks do not change, or a sentence of ours.

A failure names the function, the seed and the number of the call, from which `made(name, seed, number)` makes it again.
GRIDTREND_FUZZ_MINUTES sets how long the long trials take (`pytest -m slow tests/test_fuzz.py`).
"""

import linecache
import os
import re
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from tests import fuzz_inputs
from tests.cases import CASES, assert_matches_reference, with_options
from tests.fuzz_calls import DRAWN, attempt, call, public
from tests.fuzz_inputs import chance, pick

PACKAGE = str(Path(gt.__file__).parent)
OURS = (TypeError, ValueError, ImportError, FloatingPointError)
# Words of Python, NumPy and what lies beneath, which a message of ours never repeats.
FOREIGN = re.compile(
    r"<class|object at 0x|invalid literal|could not convert|unexpected keyword|not supported between|has no attribute|unhashable"
    r"|could not be broadcast|out of bounds|ufunc|not subscriptable|not iterable|not callable|truth value|must be real number"
    r"|ambiguous|'NoneType'|setting an array element|cannot unpack|LLVM|nopython"
)
MINUTES = float(os.environ.get("GRIDTREND_FUZZ_MINUTES", "30"))


# --- what a call may do ---------------------------------------------------------------------------


def foreign(error):
    """What is wrong with an error; nothing if it is a sentence that the package raised itself, or no error."""
    if not isinstance(error, Exception):
        return ""
    if not isinstance(error, OURS) or isinstance(error, UnicodeError):
        return f"{type(error).__name__}: {error}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno).strip()
    if not frame.filename.startswith(PACKAGE) or not line.startswith("raise "):
        return f"{type(error).__name__} raised by {frame.filename}:{frame.lineno} ({line}): {error}"
    if found := FOREIGN.search(str(error)):
        return f"{found[0]!r} in {error}"
    if not str(error).strip() or "\x1b" in str(error):
        return f"no sentence: {error!r}"
    return ""


def loud(told):
    """What is wrong with warnings; nothing if all are of ours, and none is repeated."""
    for each in told:
        ours = each.category is UserWarning or each.category.__module__.startswith("gridtrend")
        if not ours or "site-packages" in each.filename:
            return f"{each.category.__name__} of {each.filename}:{each.lineno}: {each.message}"
    texts = Counter(str(each.message) for each in told)
    return next((f"warned {count} times: {text}" for text, count in texts.items() if count > 1), "")


def picture(value):
    """All that a value is, in a form that can be compared: types, names, order, every byte, attributes, encodings."""
    if isinstance(value, xr.Dataset):
        return (
            "Dataset",
            [(n, picture(value.variables[n])) for n in value.variables],
            list(value.data_vars),
            picture(value.attrs),
            picture(value.encoding),
        )
    if isinstance(value, xr.DataArray):
        coords = [(name, picture(coord.variable)) for name, coord in value.coords.items()]
        return ("DataArray", value.name, picture(value.variable), coords, sorted(map(str, value.xindexes)))
    if isinstance(value, xr.Variable):
        return (value.dims, picture(value.values), picture(value.attrs), picture(dict(value.encoding)))
    if isinstance(value, np.ndarray):
        data = value.tolist() if value.dtype.kind == "O" else value.tobytes()
        return (str(value.dtype), value.shape, repr(data) if value.dtype.kind == "O" else data)
    if isinstance(value, dict):
        return [(key, picture(each)) for key, each in value.items()]
    if isinstance(value, tuple | list):
        return (type(value).__name__, [picture(each) for each in value])
    return repr(value)


def refuse(graph, keys, **kwargs):
    raise AssertionError("dask computed before anybody asked for values")


def difference(expected, result):
    """Where two results are not the same to the bit; nothing if they are. Encodings say where data come from."""
    expected, result = expected.drop_encoding(), result.drop_encoding()
    if picture(expected) == picture(result):
        return ""
    for name in set(expected.coords) | set(getattr(expected, "data_vars", ())):
        if name not in result.coords and name not in getattr(result, "data_vars", ()):
            return f"without {name!r}"
        if picture(expected[name].variable) != picture(result[name].variable):
            return f"other {name!r}: {expected[name].variable!r:.600} and {result[name].variable!r:.600}"
    return f"{expected!r:.600} and {result!r:.600}"


def judge(made, rng):
    """What is wrong with a call, in memory and sometimes in chunks; nothing if all is well."""
    before = picture((made.args, made.options))
    result, told = attempt(made)
    reason = foreign(result) or loud(told)
    if not reason and picture((made.args, made.options)) != before:
        reason = "an argument was changed"
    if reason or made.whole is None or not has_arrays((made.args, made.options)):
        return reason
    for coordinates in (False, True):
        if chance(rng, 0.5) and (
            reason := judge_chunks(made.in_chunks(rng, coordinates=coordinates), result, coordinates)
        ):
            return f"in chunks: {reason}"
    return ""


def judge_chunks(lazy, expected, coordinates):
    """What is wrong with a call of arrays in chunks; nothing if it is lazy, and gives what it gives in memory."""
    # Times are needed at once, wherever they lie.
    result, told = attempt(lazy, "synchronous" if coordinates else refuse)
    if isinstance(result, xr.DataArray | xr.Dataset):
        result, more = attempt(result.compute)
        told += more
    if reason := foreign(result) or loud(told):
        return reason
    if isinstance(result, Exception) or isinstance(expected, Exception):
        # Where a call is wrong in several ways, either may be named first.
        alike = any(isinstance(result, kind) and isinstance(expected, kind) for kind in OURS)
        return "" if alike else f"{expected!r:.300} in memory, {result!r:.300}"
    return difference(expected, result) if isinstance(expected, xr.DataArray | xr.Dataset) else ""


def has_arrays(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return any(map(has_arrays, value))
    return isinstance(value, xr.DataArray | xr.Dataset)


# --- trials ---------------------------------------------------------------------------------------


def made(name, seed, number):
    """The call of that number, and the generator that its chunks are drawn from."""
    rng = np.random.default_rng([seed, number, *name.encode()])
    return call(rng, name), rng


def trial(name, seed, number):
    """What is wrong with one call; nothing if all is well."""
    one = None
    try:
        one, rng = made(name, seed, number)
        reason = judge(one, rng)
    except Exception as error:  # noqa: BLE001
        reason = f"the trial failed: {traceback.format_exc()}{error!r}"
    return f"made({name!r}, {seed}, {number}): {reason}\n    {one!s:.1500}" if reason else ""


def reference_trial(seed, number):
    """What is wrong with one call of a function that has a slow version; nothing if all is well."""
    rng = np.random.default_rng([seed, number])
    case = pick(rng, OPTIONS)
    da = fuzz_inputs.array(rng, odd=0.0)
    n = int(pick(rng, (1, 2, 3, 5, 8, 13, 24)))
    t = pick(rng, (None, np.arange(float(n)), np.sort(rng.choice(10 * n, n, replace=False)) / 8.0))
    da = da.isel(time=slice(n)).drop_vars("time", errors="ignore")
    n = da.sizes["time"]
    t = None if t is None else t[:n]
    da = da if t is None else da.assign_coords(time=t)
    kept = da.transpose("time", ...)
    if kept.dtype.kind in "iu" and kept.dtype.itemsize > 4 and kept.size and abs(kept.astype(float)).max() >= 2**53:
        return ""
    if chance(rng, 0.3):
        kept = kept.chunk({each: -1 if each == "time" else 2 for each in kept.dims})
    try:
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            assert_matches_reference(case, case(kept).compute(), kept.compute(), t)
    except ValueError as error:
        # Steps of a cycle are counted on a regular axis only.
        if t is None or "no step in common" not in str(error):
            return f"reference_trial({seed}, {number}) of {case}: {error!r:.1500}\n    {kept!r:.1500}"
    except Exception as error:  # noqa: BLE001
        return f"reference_trial({seed}, {number}) of {case}: {error!r:.1500}\n    {kept!r:.1500}"
    except AssertionError as error:
        return f"reference_trial({seed}, {number}) of {case}: {error!s:.1500}\n    {kept!r:.1500}"
    return ""


QUICK = {
    "mann_kendall", "mann_kendall_without_slope", "theil_sen", "siegel_slope", "kendall_tau_of_two_fields", "kendall_tau_of_field_and_series",
    "seasonal_mann_kendall", "linear_trend", "pettitt", "snht", "buishand", "regional_mann_kendall", "partial_mann_kendall",
    "spearman_rho", "cox_stuart", "quantile_trend",
}  # fmt: skip
OPTIONS = [
    case for case in with_options() if any(case.name.split("-")[0] == each.name for each in CASES if each.name in QUICK)
]


def report(wrong):
    """All that was found, the first of each kind in full."""
    return f"{len(wrong)} calls:\n" + "\n".join(wrong[:20])


def test_every_public_function_is_drawn():
    assert set(DRAWN) == set(public())


@pytest.mark.parametrize("name", DRAWN)
def test_some_calls_of_each_function_at_random(name):
    wrong = [reason for number in range(40) if (reason := trial(name, 20261130, number))]
    assert not wrong, report(wrong)


def test_some_answers_at_random_are_those_of_the_slow_version():
    wrong = [reason for number in range(300) if (reason := reference_trial(20261130, number))]
    assert not wrong, report(wrong)


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES + 600)
def test_many_calls_at_random(capsys):
    """GRIDTREND_FUZZ_MINUTES of calls, from GRIDTREND_FUZZ_SEED on."""
    start, number, seed, wrong = time.monotonic(), 0, int(os.environ.get("GRIDTREND_FUZZ_SEED", "0")), []
    while time.monotonic() < start + 60 * MINUTES:
        found = [trial(name, seed, number) for name in DRAWN]
        found += [reference_trial(seed, 10 * number + each) for each in range(10)]
        wrong += filter(None, found)
        number += 1
    with capsys.disabled():
        print(f"{number * len(found)} trials, {len(wrong)} of them failed")
    assert not wrong, report(wrong)
