"""Memory limits: what a process has, what a plan counts, and what a sample reads; test_peaks.py has runs."""

import os
import pickle
import re

import dask
import numpy as np
import pytest
import xarray as xr

from gridtrend import io
from gridtrend.io import execute, lazy_files, machine, memory, plan, sample
from gridtrend.io.zarrstore import ChunkByChunk

GB = 1_000_000_000


# --- what the machine has: folders as kernels lay them out (proc(5), cgroups(7), admin-guide/cgroup-v1/memory) ----------


def system(root, *, available_kb=8_000_000, groups="", files=None, statm="1000 500 100 10 0 400 0"):
    """Make the folders `proc` and `sys` of a machine."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable: {available_kb} kB\n")
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/self/statm").write_text(statm)
    for name, content in (files or {}).items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(content))
    return root


def test_a_machine_without_groups_has_what_is_free(tmp_path):
    assert io.available_memory(system(tmp_path)) == 8_000_000 * 1024


def test_the_group_of_a_container_counts(tmp_path):
    files = {"memory.max": 2 * GB, "memory.current": 500_000_000}
    assert io.available_memory(system(tmp_path, groups="0::/\n", files=files)) == 1.5 * GB


@pytest.mark.parametrize(
    "limited", ["", "slurm", "slurm/job_7", "slurm/job_7/step_0", "slurm/job_7/step_0/user/task_0"]
)
def test_every_group_above_a_job_counts(tmp_path, limited):
    names = ["", "slurm", "slurm/job_7", "slurm/job_7/step_0", "slurm/job_7/step_0/user/task_0"]
    files = {os.path.join(name, "memory.max"): 3 * GB if name == limited else "max" for name in names}
    files |= {os.path.join(name, "memory.current"): GB for name in names}
    found = io.available_memory(system(tmp_path, groups="0::/slurm/job_7/step_0/user/task_0\n", files=files))
    assert found == 2 * GB


def test_pages_of_files_that_are_given_up_first_are_free(tmp_path):
    files = {"memory.max": 2 * GB, "memory.current": GB, "memory.stat": "anon 1\ninactive_file 400000000\nfile 5\n"}
    assert io.available_memory(system(tmp_path, groups="0::/\n", files=files)) == 1.4 * GB


def test_a_soft_limit_of_a_group_counts(tmp_path):
    files = {"memory.max": "max", "memory.high": GB, "memory.current": 0}
    assert io.available_memory(system(tmp_path, groups="0::/\n", files=files)) == GB


@pytest.mark.parametrize("limited", ["memory", "memory/slurm/uid_0", "memory/slurm/uid_0/job_7"])
def test_groups_of_the_first_version_count(tmp_path, limited):
    names = ["memory", "memory/slurm", "memory/slurm/uid_0", "memory/slurm/uid_0/job_7"]
    files = {f"{name}/memory.limit_in_bytes": GB if name == limited else 9223372036854771712 for name in names}
    files |= {f"{name}/memory.usage_in_bytes": 200_000_000 for name in names}
    files |= {f"{name}/memory.stat": "cache 9\ntotal_inactive_file 100000000\n" for name in names}
    groups = "12:pids:/x\n4:memory:/slurm/uid_0/job_7\n1:name=systemd:/\n0::/\n"
    assert io.available_memory(system(tmp_path, groups=groups, files=files)) == 0.9 * GB


def test_a_group_that_is_full_leaves_nothing(tmp_path):
    files = {"memory.max": GB, "memory.current": GB + 4096}
    assert io.available_memory(system(tmp_path, groups="0::/\n", files=files)) == 0


@pytest.mark.parametrize(("kind", "taken"), [("RLIMIT_AS", 1000), ("RLIMIT_DATA", 400)])
def test_limits_of_the_process_count(tmp_path, monkeypatch, kind, taken):
    resource = pytest.importorskip("resource")
    limits = {getattr(resource, kind): (GB, GB)}
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits.get(which, unlimited))
    assert io.available_memory(system(tmp_path)) == GB - taken * os.sysconf("SC_PAGE_SIZE")


def test_this_process_takes_some_memory():
    assert 30_000_000 < machine.resident_bytes() < 100 * GB


# --- what is counted -------------------------------------------------------------------------------


def array_of(shape, chunks, dtype="f4"):
    """Make an array that has not been read, with chunks in a file."""
    array = xr.DataArray(np.broadcast_to(np.zeros(1, dtype), shape), dims=("time", "lat", "lon"), name="tas")
    array.encoding["chunksizes"] = chunks
    return array


def least_of(error):
    return float(re.search(r"([\d,]+) MB is the least", str(error)).group(1).replace(",", "")) * 1e6


@pytest.mark.parametrize(
    ("shape", "chunks", "dtype"),
    [
        ((120, 600, 1000), (120, 600, 1000), "f4"),
        ((60, 600, 1000), (60, 600, 1000), "f8"),
        ((4000, 130, 140), (4000, 130, 140), "f4"),
        ((24, 2880, 1440), (4, 2880, 1440), "f4"),
    ],
)
def test_the_least_that_works_is_near_what_is_needed(shape, chunks, dtype):
    array = array_of(shape, chunks, dtype)
    options = {"threads": 2, "processes": 1, "space": 1e12}
    with pytest.raises(io.InputError) as refused:
        io.plan_chunks(array, "time", memory_limit=400e6, **options)
    least = least_of(refused.value)
    assert io.plan_chunks(array, "time", memory_limit=least, **options).memory <= least
    with pytest.raises(io.InputError):
        io.plan_chunks(array, "time", memory_limit=least - 2e6, **options)
    # A process, a chunk as it is unpacked and as it is decoded, and pieces of both.
    chunk = array.dtype.itemsize * np.prod(chunks)
    assert least < 320e6 + 2 * chunk + array.nbytes // (array.nbytes // chunk) + 200e6


def test_what_a_process_takes_is_counted():
    array = array_of((120, 300, 400), (1, 300, 400))
    options = {"memory_limit": 420e6, "threads": 1, "processes": 1}
    assert io.plan_chunks(array, "time", **options).memory <= 420e6
    with pytest.raises(io.InputError, match=r"the process takes 430 MB before any data"):
        io.plan_chunks(array, "time", own=430e6, **options)


def test_the_least_that_works_allows_for_a_larger_process_next_time():
    array = array_of((120, 300, 400), (1, 300, 400))
    options = {"threads": 1, "processes": 1}
    for own in (350e6, 400e6):
        with pytest.raises(io.InputError) as refused:
            io.plan_chunks(array, "time", memory_limit=own, own=own, **options)
        again = io.plan_chunks(array, "time", memory_limit=least_of(refused.value), own=own + 3e6, **options)
        assert again.memory <= least_of(refused.value)


def test_a_session_that_has_taken_memory_is_counted(monkeypatch):
    monkeypatch.setattr(memory, "resident_bytes", lambda: GB)
    assert memory.process_bytes() == GB + memory.MARGIN_BYTES
    monkeypatch.setattr(memory, "resident_bytes", lambda: 0)
    assert memory.process_bytes(5) == memory.PROCESS_BYTES + 5


def test_open_grid_counts_compiling_where_no_kernel_is_kept(tmp_path, monkeypatch):
    array_of((24, 10, 20), None).to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    monkeypatch.setattr(memory, "resident_bytes", lambda: 0)
    monkeypatch.delenv("GRIDTREND_SHARED_CACHE", raising=False)
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(io.InputError, match=r"the process takes 480 MB before any data"):
        io.open_grid(tmp_path / "a.nc", memory_limit="400MB")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "gridtrend.trend.kernels.x-0.bin").touch()
    assert io.open_grid(tmp_path / "a.nc", memory_limit="400MB").sizes["time"] == 24


def test_variables_that_do_not_fit_together_take_turns():
    array = array_of((120, 300, 400), (1, 300, 400))
    options = {"memory_limit": 480e6, "threads": 1, "processes": 1}
    assert io.plan_chunks(array, "time", **options).reading == "whole"
    alone = io.plan_chunks(array, "time", others=10 * array.nbytes, **options)
    assert alone.reading == "alone"
    assert alone.blocks
    assert alone.memory <= 480e6


def test_results_that_wait_are_counted():
    array = array_of((120, 3000, 4000), (120, 30, 40))
    options = {"memory_limit": 2000e6, "threads": 2, "processes": 1}
    free = io.plan_chunks(array, "time", **options)
    held = io.plan_chunks(array, "time", held=1200e6, **options)
    assert np.prod(list(held.blocks.values())) < np.prod(list(free.blocks.values()))
    assert held.memory <= 2000e6
    assert plan.held_bytes(500, ".zarr", together=True) == plan.held_bytes(500, ".nc", together=False) == 50_000
    assert plan.held_bytes(500, ".zarr", together=False) == plan.held_bytes(10**7, ".nc", together=False) == 0


# --- graphs of dask: about 14 kB a task -------------------------------------------------------------


def tiles_of(shape=(30, 8, 12)):
    """Make a lazy record of 24 tiles."""
    values = np.random.default_rng(4).normal(size=shape)
    return xr.DataArray(values, dims=("time", "lat", "lon")).chunk(lat=2, lon=2)


def graphs(monkeypatch, keys_at_a_time, result, path):
    """Write a result with a limit of regions in one graph; return how many regions each graph had."""
    sizes = []

    def scheduler(graph, keys, **_):
        sizes.append(len(keys))
        return dask.get(graph, keys)

    monkeypatch.setattr(execute, "THREADS_WINDOW", keys_at_a_time)
    with dask.config.set(scheduler=scheduler):
        io.write(result, path)
    return sizes


def test_regions_that_share_no_task_are_computed_in_several_graphs(tmp_path, monkeypatch):
    trends = tiles_of().gridtrend.mann_kendall()
    assert graphs(monkeypatch, 10, trends, tmp_path / "a.zarr") == [10, 10, 4]
    assert graphs(monkeypatch, 10, trends, tmp_path / "a.nc") == [10, 10, 4]
    for path in ("a.zarr", "a.nc"):
        with io.open_input([tmp_path / path]) as found:
            np.testing.assert_array_equal(found.slope, trends.slope)


@pytest.mark.parametrize("shared", ["mean", "neighbours", "rechunked"])
def test_regions_that_share_tasks_are_computed_in_one_graph(tmp_path, monkeypatch, shared):
    lazy = tiles_of().isel(time=0, drop=True)
    result = {
        "mean": lambda: lazy - lazy.mean(),
        "neighbours": lambda: lazy.copy(data=lazy.data.map_overlap(lambda a: a, depth=1, boundary="none")),
        "rechunked": lambda: lazy.chunk(lat=4, lon=1),
    }[shared]()
    assert graphs(monkeypatch, 10, result.rename("x"), tmp_path / "a.zarr") == [24]
    with io.open_input([tmp_path / "a.zarr"]) as found:
        np.testing.assert_array_equal(found.x, result)


def test_a_new_store_needs_no_graph_of_its_chunks(tmp_path, monkeypatch):
    chunks = []
    real = xr.Dataset.to_zarr

    def to_zarr(self, *args, **options):
        chunks.extend(variable.data.npartitions for variable in self.variables.values() if variable.chunks)
        return real(self, *args, **options)

    monkeypatch.setattr(xr.Dataset, "to_zarr", to_zarr)
    trends = tiles_of().gridtrend.mann_kendall()
    io.write(trends, tmp_path / "a.zarr")
    assert set(chunks) == {1}
    with xr.open_zarr(tmp_path / "a.zarr") as found:
        assert found.tau.data.npartitions == 24
        assert found.n_valid.dtype == trends.n_valid.dtype
        np.testing.assert_array_equal(found.tau, trends.tau)


# --- one variable after the other, one chunk after the other -----------------------------------------


def test_variables_that_take_turns_are_forgotten_and_right(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    names = ("a", "b", "c")
    dims = ("time", "lat", "lon")
    fields = {name: (dims, rng.normal(size=(30, 8, 9)).astype("f4")) for name in names}
    xr.Dataset(fields, {"time": np.arange(30.0)}).to_netcdf(tmp_path / "in.nc", engine="netcdf4")
    opened = io.open_input([tmp_path / "in.nc"])
    events = []
    real = execute._load
    monkeypatch.setattr(
        execute, "_load", lambda array, report: events.append(f"read {array.name}") or real(array, report)
    )
    turn = io.Plan("alone", {"lat": 4, "lon": 9})
    results = [io.read(opened[name], turn).to_dataset().gridtrend.mann_kendall() for name in names]
    assert events == []
    lazy = xr.merge(results, compat="override", combine_attrs="override")
    io.write(lazy, tmp_path / "out.zarr", report=lambda label, done, total: events.append(done))
    reads = [event for event in events if isinstance(event, str)]
    assert reads == ["read a", "read b", "read c"]
    # Two regions of each variable are written before the next is read.
    assert [events.index(name) for name in reads] == sorted(events.index(name) for name in reads)
    between = events[events.index("read a") + 1 : events.index("read b")]
    assert len(between) == 2
    expected = xr.Dataset(fields, {"time": np.arange(30.0)}).gridtrend.mann_kendall()
    with io.open_input([tmp_path / "out.zarr"]) as written:
        for name in expected.data_vars:
            np.testing.assert_array_equal(written[name], expected[name], name)


@pytest.mark.parametrize(
    ("chunks", "dtype"), [((4, 3, 5), "f4"), ((10, 2, 2), "f8"), ((1, 7, 5), "i2"), ((4, 7, 3), "M8[s]")]
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_copy_is_read_and_written_by_single_chunks(tmp_path, chunks, dtype, zarr_format):
    zarr, numcodecs = pytest.importorskip("zarr"), pytest.importorskip("numcodecs")
    blosc = zarr.codecs.BloscCodec(cname="lz4") if zarr_format == 3 else numcodecs.Blosc("lz4")
    options = {"shape": (10, 7, 5), "chunks": chunks, "dtype": dtype, "compressors": blosc, "zarr_format": zarr_format}
    array = zarr.create_array(store=str(tmp_path / "a.zarr"), **options)
    copy = pickle.loads(pickle.dumps(ChunkByChunk(array)))
    values = np.arange(350).astype(dtype).reshape(10, 7, 5)
    with pytest.raises(FileNotFoundError):
        copy[0:1, 0:1, 0:1]
    cut = 8 if chunks[0] < 10 else 10
    copy[0:cut, 0:7, 0:5] = values[:cut]
    copy[cut:10, 0:7, 0:5] = values[cut:]
    np.testing.assert_array_equal(copy[2:9, 1:7, 0:5], values[2:9, 1:7])
    # What is written is what zarr reads.
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path / "a.zarr"))[:], values)
    sizes = []
    real = copy._codec.decode
    copy._codec = type("Watched", (), {"decode": lambda _, packed: sizes.append(len(real(packed))) or real(packed)})()
    copy[0:10, 0:7, 0:5]
    assert set(sizes) == {np.dtype(dtype).itemsize * np.prod(chunks)}
    assert len(sizes) == np.prod([-(-size // chunk) for size, chunk in zip(values.shape, chunks, strict=True)])


@pytest.mark.parametrize("chunks", [(6, 20, 30), (24, 20, 30), (5, 7, 11), (24, 3, 30)])
@pytest.mark.parametrize("packed", [False, True])
def test_large_chunks_that_are_decoded_by_parts_hold_the_same_values(tmp_path, monkeypatch, chunks, packed):
    values = np.random.default_rng(2).integers(0, 999, (24, 20, 30)).astype("f4")
    values[3, 4:9] = np.nan
    field = xr.DataArray(values, dims=("time", "lat", "lon"), name="tas").to_dataset()
    encoding = {"chunksizes": chunks, "zlib": True, "shuffle": True}
    encoding |= {"dtype": "i2", "scale_factor": 0.5, "_FillValue": -9} if packed else {"_FillValue": np.float32(1e20)}
    field.to_netcdf(tmp_path / "a.nc", engine="netcdf4", encoding={"tas": encoding})
    expected = xr.open_dataset(tmp_path / "a.nc")["tas"].load()
    parts = []
    real = lazy_files._unpack
    monkeypatch.setattr(lazy_files, "PIECE_BYTES", 500)
    monkeypatch.setattr(
        lazy_files, "_unpack", lambda *args, **options: parts.append(options["parts"]) or real(*args, **options)
    )
    array = io.open_input([tmp_path / "a.nc"])["tas"]
    np.testing.assert_array_equal(array.values, expected)
    np.testing.assert_array_equal(array[3:23, 2:18, 5:29].values, expected[3:23, 2:18, 5:29])
    assert all(parts)


# --- samples ---------------------------------------------------------------------------------------


def unpacked(monkeypatch):
    """Note the bytes and the number of all pieces that are read from files."""
    sizes = []
    real = lazy_files._copy

    def counted(variable, key, chunks, out, **options):
        sizes.append(out.nbytes)
        return real(variable, key, chunks, out, **options)

    monkeypatch.setattr(lazy_files, "_copy", counted)
    return sizes


@pytest.mark.parametrize("chunks", [(60, 40, 50), (7, 13, 11), (1, 40, 50), (120, 1, 1), (120, 40, 50), None])
def test_a_sample_is_bounded_whatever_the_chunks(tmp_path, monkeypatch, chunks):
    values = np.random.default_rng(1).normal(size=(120, 40, 50)).astype("f4")
    values[:, :10] = np.nan
    times = xr.date_range("2000-01-16", periods=120, freq="MS")
    field = xr.DataArray(values, {"time": times}, ("time", "lat", "lon"), "tas")
    field.to_netcdf(tmp_path / "a.nc", engine="netcdf4", encoding={"tas": {"chunksizes": chunks} if chunks else {}})
    array = io.open_input([tmp_path / "a.nc"])["tas"]
    monkeypatch.setattr(sample, "SAMPLE_BYTES", 100_000)
    sizes = unpacked(monkeypatch)
    found = io.count_missing(array, "time", 9000)
    chunk = 4 * np.prod(chunks) if chunks else 0
    assert len(sizes) <= 3
    assert sum(sizes) <= 100_000
    assert (found.fraction is None) == (chunk > 100_000)
    del sizes[:]
    io.warn_of_cycle(array, "time")
    assert len(sizes) * chunk <= 100_000


def test_a_map_of_any_size_is_never_read_whole():
    array = xr.DataArray(np.broadcast_to(np.float32(1), (12, 10**6, 10**6)), dims=("time", "lat", "lon"))
    found = io.count_missing(array, "time", 5_000_000)
    assert found.fraction == 0
    assert found.values <= 5_000_000


@pytest.mark.parametrize("chunks", [(1, 40, 50), (60, 20, 25), (36, 40, 50), None])
def test_an_annual_cycle_is_found_in_a_small_sample(tmp_path, monkeypatch, chunks):
    times = xr.date_range("2000-01-16", periods=120, freq="MS")
    noise = np.random.default_rng(1).normal(size=(120, 40, 50))
    values = noise + 10 * np.sin(2 * np.pi * np.arange(120) / 12)[:, None, None]
    field = xr.DataArray(values.astype("f4"), {"time": times}, ("time", "lat", "lon"), "tas")
    field.to_netcdf(tmp_path / "a.nc", engine="netcdf4", encoding={"tas": {"chunksizes": chunks} if chunks else {}})
    monkeypatch.setattr(sample, "SAMPLE_BYTES", 300_000)
    with pytest.warns(UserWarning, match="annual cycle"):
        assert io.warn_of_cycle(io.open_input([tmp_path / "a.nc"])["tas"], "time")
