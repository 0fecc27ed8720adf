"""Functions that are compiled once and shared by all kernels, and statistics of one series that become kernels."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numba.core import event

from gridtrend.engine import unit as units
from gridtrend.engine.kernel import kernel
from gridtrend.engine.output import Output
from gridtrend.engine.series import Cell, Room, series_kernel
from gridtrend.engine.unit import unit

N_VALID = Output("n_valid", "n", dtype="i4")


@unit
def total_of(values):
    """Sum of a series."""
    total = 0.0
    for value in values:
        total += value
    return total


@unit
def nothing():
    """A unit without arguments."""
    return 1.5


def summing_kernel():
    """Return a kernel that has not been compiled before, which calls two units."""

    @kernel("(time,cell)", "T", Output("sums", "sum"))
    def sums_of_cells(y, out):
        (sums,) = out
        series = np.empty(y.shape[0])
        for k in range(y.shape[1]):
            for i in range(y.shape[0]):
                series[i] = y[i, k]
            sums[k] = total_of(series) + 0.0 * nothing()

    return sums_of_cells


@series_kernel(
    Output("statistic", "any"), Output("kind", "any", dtype="i1"), N_VALID, Output("last", "any"), least=2,
)  # fmt: skip
def any_statistic(values, times, steps, start, factor: float, level: Cell, room: Room, power: int):
    """Uses everything that a statistic may take."""
    for i in range(values.size):
        room[i] = values[i] * factor + level
    total = 0.0
    for i in range(values.size):
        total += room[i] * (times[i] - start) + steps[i] ** power
    return total, 1 if total > 0.0 else -1, times[-1]


@series_kernel(Output("size", "number of values"))
def count_values(values):
    """Sees every cell, also those without values."""
    return float(values.size)


class Compilations(event.Listener):
    """Names of what is compiled."""

    def __init__(self):
        self.names = []

    def on_start(self, occurrence):
        self.names.append(occurrence.data["dispatcher"].py_func.__name__)

    def on_end(self, occurrence):
        pass


@pytest.fixture
def compilations(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path))
    listener = Compilations()
    with event.install_listener("numba:compile", listener):
        yield listener.names


def test_two_kernels_share_what_is_compiled_once(compilations):
    y = np.arange(12.0).reshape(3, 4)
    for _ in range(2):
        np.testing.assert_array_equal(summing_kernel()(y), y.sum(1))
    assert compilations.count("total_of") <= 1
    assert compilations.count("nothing") <= 1
    assert "sums_of_cells" in compilations


def deferring_kernel():
    """Return a kernel that needs a deferred unit for a factor above 1, neither of which has been compiled before."""

    @unit(deferred=True)
    def scale_all(values, factor):
        for i in range(values.size):
            values[i] *= factor

    @kernel("(time,cell)", "T", Output("scaled", "sum"))
    def scaled_sums(y, factor: float, out):
        (scaled,) = out
        series = np.empty(y.shape[0])
        for k in range(y.shape[1]):
            for i in range(y.shape[0]):
                series[i] = y[i, k]
            if factor > 1.0:
                scale_all(series, factor)
            scaled[k] = total_of(series)

    return scaled_sums


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), MemoryError("no room")])
def test_what_stops_a_deferred_compilation_is_raised_and_the_next_call_tries_again(compilations, monkeypatch, failure):
    y, scaled_sums = np.arange(12.0).reshape(3, 4), deferring_kernel()
    np.testing.assert_array_equal(scaled_sums(y, factor=1.0), y.sum(1))
    compile_kept = units.compile_kept

    def stopped(*arguments):
        raise failure

    monkeypatch.setattr(units, "compile_kept", stopped)
    with pytest.raises(type(failure)) as raised:
        scaled_sums(y, factor=2.0)
    assert raised.value is failure
    monkeypatch.setattr(units, "compile_kept", compile_kept)
    np.testing.assert_array_equal(scaled_sums(y, factor=2.0), 2 * y.sum(1))


def test_many_threads_need_a_deferred_unit_at_once(compilations):
    y, scaled_sums = np.arange(12.0).reshape(3, 4), deferring_kernel()
    scaled_sums(y, factor=1.0)
    assert "scale_all" not in compilations
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: scaled_sums(y, factor=2.0), range(8)))
    assert all((each == 2 * y.sum(1)).all() for each in found)
    assert compilations.count("scale_all") == 1


def test_a_deferred_unit_returns_nothing(monkeypatch):
    with pytest.raises(TypeError, match="nothing_to_return: a deferred unit returns nothing"):
        _of_numbers(nothing_to_return).make()


@unit(deferred=True)
def nothing_to_return(x):
    """Returns something all the same."""
    return x


def _of_numbers(intrinsic):
    from numba import float64

    return intrinsic.unit.for_types((float64,))


def test_python_collects_garbage_again_after_a_compilation(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path))
    import gc

    summing_kernel()(np.ones((2, 3)))
    assert gc.isenabled()


PROCESS = """
import numpy as np
from numba.core import event
names = []
class Listener(event.Listener):
    def on_start(self, occurrence): names.append(occurrence.data["dispatcher"].py_func.__name__)
    def on_end(self, occurrence): pass
event.register("numba:compile", Listener())
from gridtrend.trend.kernels.kendall_tau import kendall_tau
x, y = np.random.default_rng(0).normal(size=(2, 2, 400))
# As long as that, series are counted one by one, by a deferred unit.
tau = kendall_tau(x, y, variant=1, method=0, alternative=0, min_valid=2)[0]
print(len(names), *tau.tolist())
"""


def test_a_second_process_reads_deferred_units_too(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path))
    root = Path(__file__).parents[1]
    ran = [
        subprocess.run([sys.executable, "-c", PROCESS], cwd=root, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    first, second = (each.stdout.split() for each in ran)
    assert int(first[0]) > 0
    assert int(second[0]) == 0
    assert first[1:] == second[1:]


@pytest.mark.parametrize("n_cells", [1, 16, 35])
def test_a_statistic_of_one_series_runs_on_every_cell(n_cells):
    rng = np.random.default_rng(1)
    y = rng.normal(size=(n_cells, 9))
    y[rng.random(y.shape) < 0.4] = np.nan
    y[0] = np.nan
    t, steps, level = np.arange(9) * 0.5 + 3.0, np.arange(9) * 2, rng.normal(size=n_cells)
    given = {"t": t, "steps": steps, "factor": 1.5, "power": 2, "min_valid": 3}
    statistic, kind, n_valid, last = any_statistic(y, level, **given)
    for cell in range(n_cells):
        valid = np.isfinite(y[cell])
        assert n_valid[cell] == valid.sum()
        if valid.sum() < 3:
            assert np.isnan(statistic[cell])
            assert np.isnan(last[cell])
            assert kind[cell] == 0
            continue
        expected = ((y[cell] * 1.5 + level[cell]) * (t - 3.0) + steps**2.0)[valid].sum()
        np.testing.assert_allclose(statistic[cell], expected, rtol=1e-12)
        assert (kind[cell], last[cell]) == (np.sign(expected), t[valid][-1])


def test_a_statistic_without_a_number_of_values_sees_every_cell():
    y = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, np.nan]])
    assert count_values(y, t=np.arange(3.0)).tolist() == [2.0, 0.0]


def test_a_parameter_without_a_type_is_refused():
    with pytest.raises(TypeError, match="f: annotate factor as float, int, Cell or Room"):

        @series_kernel(Output("x", "x"))
        def f(values, factor):
            return factor


def test_kernels_compile_where_pointers_do_not_know_what_they_point_to(tmp_path):
    # llvmlite announces that its pointers will lose their types; this switch takes them away today.
    environment = os.environ | {"LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS": "0", "GRIDTREND_CACHE_DIR": str(tmp_path)}
    code = (
        "import gridtrend as gt, xarray as xr\n"
        "print(int(gt.mann_kendall(xr.DataArray([1.0, 3.0, 2.0, 5.0, 4.0], dims='time'), slope=False).s))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "6", done.stderr
