"""A kernel is declared once: numba, xarray, dask and the CF attributes follow."""

import pickle
import threading
import time

import numpy as np
import pytest

from gridtrend.engine.kernel import Kernel, kernel
from gridtrend.engine.output import Output
from gridtrend.trend.kernels.mann_kendall import mann_kendall, mann_kendall_slope

OPTIONS = {"alpha": 0.05, "continuity": 1.0, "alternative": 0, "variant": 1, "min_valid": 4}


@kernel("(time,cell),(time)", "Td", Output("total", "weighted sum"), Output("n", "n", dtype="i4"))
def weighted(y, t, offset: int, out):
    """Sum of y t of each cell."""
    total, n = out
    for k in range(y.shape[1]):
        n[k] = y.shape[0] + offset
        total[k] = 0.0
        for i in range(t.size):
            total[k] += y[i, k] * t[i]


@kernel("(time,cell)", "T", Output("echo", "the values again", dims=("time",)))
def echo(y, times: int, out):
    """The values `times` times."""
    (echo,) = out
    for i in range(y.shape[0]):
        for k in range(y.shape[1]):
            echo[i, k] = times * y[i, k]


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    """Keep the kernels of this file out of the user's cache, which knows the package's sources only."""
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path))


def test_blocks_have_their_core_dimension_last_and_results_their_cells():
    y = np.random.default_rng(0).normal(size=(3, 4, 5))
    total, n = weighted(y, t=np.arange(5), offset=2)
    np.testing.assert_allclose(total, y @ np.arange(5.0), rtol=1e-15)
    assert n.dtype == np.int32
    assert n.tolist() == [[7] * 4] * 3


def test_dimensions_of_outputs_come_after_the_cells():
    y = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_array_equal(echo(y, times=2), 2 * y)


def test_a_single_series_gives_scalars():
    total, n = weighted(np.ones(5), t=np.arange(5), offset=0)
    assert (total.shape, n.shape) == ((), ())
    assert total == 10


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0), (2, 0, 5)])
def test_nothing_gives_results_of_the_right_shape(shape):
    total, n = weighted(np.ones(shape), t=np.arange(shape[-1]), offset=0)
    assert total.shape == n.shape == shape[:-1]
    assert not total.any()


@pytest.mark.parametrize(
    ("dtype", "compiled_for"),
    [("f4", "f4"), (">f4", "f4"), ("f8", "f8"), (">f8", "f8"), ("f2", "f8"), ("u1", "f8"), ("?", "f8")],
)
def test_single_precision_stays_and_all_else_becomes_double(dtype, compiled_for):
    fresh = Kernel(weighted.body, "(time,cell),(time)", "Td", weighted.outputs)
    fresh(np.ones((2, 3), dtype), t=np.ones(3), offset=0)
    assert list(fresh._compiled) == [np.dtype(compiled_for)]


def test_a_block_of_time_first_reaches_the_kernel_without_a_copy(monkeypatch):
    seen = []
    monkeypatch.setattr(weighted, "compiled", lambda dtype: lambda *arrays: seen.append(arrays[0]))
    chunk = np.zeros((5, 3, 4))
    weighted(np.moveaxis(chunk, 0, -1), t=np.ones(5), offset=0)
    assert seen[0].shape == (5, 12)
    assert np.shares_memory(seen[0], chunk)


def test_a_read_only_or_unaligned_block_is_read():
    raw = np.zeros(8 * 6 + 1, "u1")[1:].view("f8").reshape(2, 3)
    raw[:] = 1
    raw.setflags(write=False)
    assert not raw.flags.aligned
    assert weighted(raw, t=np.ones(3), offset=0)[0].tolist() == [3, 3]


def test_a_declaration_that_does_not_fit_its_function_is_refused():
    def body(y, t, out):
        """Nothing."""
        (s,) = out
        s[:] = y[0]

    for layout, types, output in [
        ("(time,cell),(time),(time)", "Tdd", "s"),
        ("(time,cell),(time)", "T", "s"),
        ("(time,cell),(time)", "Td", "z"),
    ]:
        with pytest.raises(TypeError, match="body: layout, types, outputs and arguments"):
            kernel(layout, types, Output(output, "score"))(body)


def test_a_kernel_bears_the_name_and_the_words_of_its_function():
    assert weighted.__name__ == "weighted"
    assert weighted.__doc__ == "Sum of y t of each cell."
    assert [block.name for block in weighted.blocks] == ["y"]
    assert [output.name for output in weighted.outputs] == ["total", "n"]


def test_a_pickle_is_a_name():
    assert mann_kendall.__reduce__() == "mann_kendall"
    pickled = pickle.dumps(mann_kendall)
    assert b"gridtrend.trend.kernels.mann_kendall" in pickled
    assert pickle.loads(pickled) is mann_kendall
    assert mann_kendall.__dask_tokenize__() != mann_kendall_slope.__dask_tokenize__()


def test_importing_compiles_nothing_and_one_call_compiles_once(monkeypatch):
    fresh = Kernel(weighted.body, "(time,cell),(time)", "Td", weighted.outputs)
    assert fresh._compiled == {}
    compiled = []
    monkeypatch.setattr(fresh, "_compile", lambda dtype: compiled.append(dtype) or (lambda *_: None))
    for _ in range(3):
        fresh(np.ones((2, 3)), t=np.ones(3), offset=0)
    assert compiled == [np.float64]


def test_a_kernel_lets_other_threads_run(monkeypatch):
    monkeypatch.delenv("GRIDTREND_CACHE_DIR")
    y = np.random.default_rng(0).normal(size=(2000, 900))
    arguments = {"t": np.arange(900.0), **OPTIONS}
    mann_kendall(y[:16], **arguments)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    clock = threading.Thread(target=tick)
    clock.start()
    start = time.perf_counter()
    mann_kendall(y, **arguments)
    end = time.perf_counter()
    done.set()
    clock.join()
    during = [at for at in ticks if start < at < end]
    assert len(during) >= 3, "the kernel held the interpreter's lock"
