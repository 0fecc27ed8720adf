"""Workers: started here, joined by address, compiled once in each, and the same results as threads."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend import io

distributed = pytest.importorskip("distributed")
from gridtrend import cluster

ROOT = Path(__file__).parents[1]
DASK = [sys.executable, "-m", "dask"]


@pytest.fixture(scope="module")
def crew():
    """Two workers of one thread."""
    said = []
    with cluster.start(2, memory_limit=2e9, say=said.append) as found:
        assert re.match(r"dashboard: http://127\.0\.0\.1:\d+/status", said[0])
        yield found


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Return the pattern of a record of four files with one step a chunk, and its values."""
    folder = tmp_path_factory.mktemp("record")
    rng = np.random.default_rng(2)
    for year in range(4):
        time_axis = xr.date_range(f"{1990 + year}-01-01", periods=6, freq="2MS")
        values = rng.normal(280 + 0.05 * year, 1, (6, 16, 32)).astype("f4")
        field = xr.DataArray(values, {"time": time_axis}, ("time", "lat", "lon"), "tas", {"units": "K"})
        encoding = {"tas": {"zlib": True, "chunksizes": (1, 16, 32)}}
        field.to_netcdf(folder / f"tas_{year}.nc", engine="netcdf4", encoding=encoding)
    return folder / "*.nc"


@pytest.fixture(scope="module")
def expected(record):
    """What one thread finds."""
    return io.open_input([record])["tas"].load().gridtrend.mann_kendall()


def count_compilations():
    """Run on a worker: count what is compiled from now on."""
    from gridtrend.grid.kernel import Kernel

    real = Kernel._compile
    Kernel.compilations = []

    def counted(self, dtype):
        Kernel.compilations.append((self.__qualname__, str(dtype)))
        return real(self, dtype)

    Kernel._compile = counted


def compilations():
    from gridtrend.grid.kernel import Kernel

    return Kernel.compilations


def test_each_worker_compiles_each_kernel_once_for_64_chunks(crew, record, expected):
    crew.client.run(count_compilations)
    tas = io.open_input([record])["tas"].load().chunk({"lat": 2, "lon": 4})
    assert tas.data.npartitions == 64
    result = tas.gridtrend.mann_kendall().compute()
    counts = crew.client.run(compilations)
    assert len(counts) == 2
    for compiled in counts.values():
        assert len(compiled) == len(set(compiled)) > 0
        assert {dtype for _, dtype in compiled} == {"float32"}
    xr.testing.assert_identical(result, expected)


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_a_client_of_the_user_gives_what_threads_give(crew, record, expected, tmp_path, suffix):
    tas = gt.open_grid(record, chunks={"lat": 4})
    gt.write(tas.gridtrend.mann_kendall(), tmp_path / f"out.{suffix}")
    with io.open_input([tmp_path / f"out.{suffix}"]) as written:
        for name in expected.data_vars:
            np.testing.assert_array_equal(written[name], expected[name], name)


def test_workers_exchange_parts_of_chunks_that_are_too_wide(crew, record):
    tas = gt.open_grid(record, memory_limit=2 * 320_000_000 + 10_000_000, chunks={"lat": 4})
    assert any("p2p" in name for name in tas.data.dask.layers)
    np.testing.assert_array_equal(tas.compute(), io.open_input([record])["tas"])


def test_a_failure_on_a_worker_says_the_same_as_one_here(crew, record, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for path in sorted(Path(record).parent.iterdir()):
        (folder / path.name).write_bytes(path.read_bytes())
    tas = gt.open_grid(folder / "*.nc", chunks={"lat": 4}, rechunk="passes")
    (folder / "tas_2.nc").unlink()
    with pytest.raises(io.InputError, match=r"tas_2\.nc' cannot be read: variable 'tas', time 0:6, lat .* is gone"):
        gt.write(tas.gridtrend.mann_kendall(), tmp_path / "out.zarr")
    assert not (tmp_path / "out.zarr").exists()


def test_a_scheduler_that_is_not_there_is_an_error_of_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(cluster.ClusterError, match=r"no scheduler answers at the address tcp://127.0.0.1:9"):
        cluster.join("tcp://127.0.0.1:9").__enter__()
    with pytest.raises(cluster.ClusterError, match=r"there is no scheduler file .*dask scheduler --scheduler-file"):
        cluster.join(scheduler_file=str(tmp_path / "s.json")).__enter__()


# --- by hand, as docs/clusters.md says --------------------------------------------------------------


@pytest.fixture
def by_hand(tmp_path):
    """Start a scheduler and two workers with the documented commands; they know one another by address only."""
    file = tmp_path / "scheduler.json"
    processes = [
        subprocess.Popen(
            [*DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
    ]
    deadline = time.monotonic() + 120
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    address = re.search(r'"address": "(tcp://[\d.:]+)"', file.read_text()).group(1)
    worker = [*DASK, "worker", address, "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for number in range(2):
        folder = tmp_path / f"worker{number}"
        folder.mkdir()
        processes.append(subprocess.Popen(worker, stderr=subprocess.DEVNULL, cwd=folder, env=environment))
    yield address, file, processes
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        process.wait(timeout=60)


def trend(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "gridtrend", "trend", *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def test_a_cluster_started_by_hand_is_joined_by_address_and_by_file(by_hand, record, expected, tmp_path):
    address, file, processes = by_hand
    for suffix, where in (("zarr", ["--scheduler", address]), ("nc", ["--scheduler-file", file])):
        target = tmp_path / f"out.{suffix}"
        said = trend(record, target, "--chunks", "lat=4", *where).communicate(timeout=300)[1]
        assert "written in" in said, said
        with io.open_input([target]) as written:
            np.testing.assert_array_equal(written["slope"], expected["slope"])
    assert all(process.poll() is None for process in processes), "a cluster that was joined goes on"


def test_a_lost_scheduler_is_one_line_and_what_is_done_is_kept(by_hand, record, expected, tmp_path):
    address, _, processes = by_hand
    target = tmp_path / "out.zarr"
    run = trend(record, target, "--chunks", "lat=1,lon=2", "--scheduler", address, "-q")
    ledger = tmp_path / ".out.zarr.part" / "ledger"
    while run.poll() is None and not (ledger.exists() and '["tau' in ledger.read_text()):
        time.sleep(0.01)
    processes[0].kill()
    said = run.communicate(timeout=120)[1]
    assert run.returncode == 1
    assert re.fullmatch(r"gridtrend: error: .*lost.* finished parts are kept: .*--resume goes on\n", said), said
    assert not target.exists()
    assert "written in" in trend(record, target, "--resume").communicate(timeout=300)[1]
    with io.open_input([target]) as written:
        np.testing.assert_array_equal(written["slope"], expected["slope"])
