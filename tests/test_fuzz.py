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

import dask
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from tests import fuzz_inputs
from tests.cases import CASES, assert_matches_reference, with_options
from tests.fuzz_calls import DRAWN, call, public
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


def attempt(made, compute=None):
    """The result of a call, or the error that it raised; and the warnings that it gave."""
    with warnings.catch_warnings(record=True) as told, dask.config.set(scheduler="synchronous"):
        warnings.simplefilter("always")
        try:
            result = made() if compute is None else compute()
        except Exception as error:
            result = error
    return result, told


def foreign(error):
    """What is wrong with an error; nothing if it is a sentence that the package raised itself."""
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
        if each.category is not UserWarning or "site-packages" in each.filename:
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


def without_encoding(result):
    """Encodings say where data come from, chunks too: they are no part of a result."""
    result = result.copy()
    for variable in [
        result,
        *(result.variables.values() if isinstance(result, xr.Dataset) else result.coords.values()),
    ]:
        variable.encoding = {}
    return result


def refuse(graph, keys, **kwargs):
    raise AssertionError("dask computed before anybody asked for values")


def differs(first, second):
    """Where two results are not the same to the bit."""
    if isinstance(first, xr.DataArray) and isinstance(second, xr.DataArray):
        name = "result"
        pairs = {name: (first.variable, second.variable)} | {
            n: (first.coords[n].variable, second.coords[n].variable) for n in first.coords if n in second.coords
        }
    elif isinstance(first, xr.Dataset) and isinstance(second, xr.Dataset):
        pairs = {n: (first.variables[n], second.variables[n]) for n in first.variables if n in second.variables}
    else:
        return f"{first!r:.300} and {second!r:.300}"
    for name, (one, other) in pairs.items():
        if picture(one) != picture(other):
            return f"{name}: {one!r:.600} and {other!r:.600}"
    return f"{first!r:.600} and {second!r:.600}"


def judge(made, rng):
    """What is wrong with a call, in memory and in two sets of chunks; nothing if all is well."""
    before = picture((made.args, made.options))
    result, told = attempt(made)
    if isinstance(result, Exception) and (reason := foreign(result)):
        return reason
    if reason := loud(told):
        return reason
    if picture((made.args, made.options)) != before:
        return "an argument was changed"
    if made.whole is None or not _has_arrays((made.args, made.options)):
        return ""
    for coordinates in (False, True):
        lazy = made.in_chunks(rng, coordinates=coordinates)
        # Times are needed at once, wherever they lie.
        with dask.config.set(scheduler="synchronous" if coordinates else refuse):
            promised, told = attempt_lazily(lazy)
        found, more = (
            (promised, []) if isinstance(promised, Exception) else attempt(None, lambda p=promised: _computed(p))
        )
        if isinstance(found, Exception) and (reason := foreign(found)):
            return f"in chunks: {reason}"
        if reason := loud(told + more):
            return f"in chunks: {reason}"
        if isinstance(found, Exception) != isinstance(result, Exception):
            return f"{result!r:.300} in memory, {found!r:.300} in chunks"
        if isinstance(found, Exception):
            if type(found) is not type(result):
                return f"{result!r} in memory, {found!r} in chunks"
        elif isinstance(found, xr.DataArray | xr.Dataset) and picture(without_encoding(found)) != picture(
            without_encoding(result)
        ):
            return f"chunks change the result: {differs(without_encoding(result), without_encoding(found))}"
    return ""


def attempt_lazily(made):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = made()
        except Exception as error:
            result = error
    return result, told


def _computed(result):
    return result.compute() if isinstance(result, xr.DataArray | xr.Dataset) else result


def _has_arrays(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return any(map(_has_arrays, value))
    return isinstance(value, xr.DataArray | xr.Dataset)


# --- trials ---------------------------------------------------------------------------------------


def made(name, seed, number):
    """The call of that number, and the generator that its chunks are drawn from."""
    rng = np.random.default_rng([seed, number, *name.encode()])
    return call(rng, name), rng


def trial(name, seed, number):
    """What is wrong with one call; nothing if all is well."""
    one, rng = made(name, seed, number)
    try:
        reason = judge(one, rng)
    except Exception as error:
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
    except Exception as error:
        return f"reference_trial({seed}, {number}) of {case}: {error!r:.1500}\n    {kept!r:.1500}"
    except AssertionError as error:
        return f"reference_trial({seed}, {number}) of {case}: {error!s:.1500}\n    {kept!r:.1500}"
    return ""


QUICK = {
    "mann_kendall", "mann_kendall_without_slope", "theil_sen", "siegel_slope", "kendall_tau_of_two_fields", "kendall_tau_of_field_and_series",
    "seasonal_mann_kendall", "linear_trend", "pettitt", "snht", "buishand", "regional_mann_kendall", "partial_mann_kendall",
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
def test_many_calls_at_random():
    start, number, wrong = time.monotonic(), 0, []
    seed = int(os.environ.get("GRIDTREND_FUZZ_SEED", "0"))
    while time.monotonic() < start + 60 * MINUTES:
        for name in DRAWN:
            if reason := trial(name, seed, number):
                wrong.append(reason)
        for each in range(10):
            if reason := reference_trial(seed, 10 * number + each):
                wrong.append(reason)
        number += 1
    print(f"{number * (3 * len(DRAWN) + 10)} calls")
    assert not wrong, report(wrong)
