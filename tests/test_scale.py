"""Records larger than memory: plans, counted reads, copies, ledgers, and the same answer whichever way it is read."""

import gc
import itertools
import os
import pickle
import re
import sys

import dask
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from benchmarks.scale import made, run, same
from gridtrend import io
from gridtrend.io import lazy_files, netcdf
from gridtrend.io.ledger import Ledger

SHAPE = (24, 20, 30)


@pytest.fixture
def values():
    """Noise and a trend, float32."""
    rng = np.random.default_rng(5)
    return (rng.normal(size=SHAPE) + 0.1 * np.arange(SHAPE[0])[:, None, None]).astype("f4")


def write_years(folder, values, chunks, steps=4, **changes):
    """Write a record as one file a `steps` steps, with disk chunks of its own."""
    folder.mkdir(exist_ok=True)
    times = xr.date_range("2000-01-01", periods=len(values), freq="MS")
    for k in range(0, len(values), steps):
        coords = {"time": times[k : k + steps], "lat": np.linspace(57, -57, 20), "lon": np.arange(0.0, 360, 12)}
        field = xr.DataArray(values[k : k + steps], coords, ("time", "lat", "lon"), "tas", {"units": "K"})
        encoding = {"tas": {"chunksizes": chunks, "zlib": True}, "time": {"units": "days since 2000-01-01"}}
        field.to_netcdf(folder / f"tas_{k:03}.nc", engine="netcdf4", encoding=encoding)
    return folder / "*.nc"


@pytest.fixture
def maps(tmp_path, values):
    """Six files with one step a chunk: the layout that does not suit."""
    return write_years(tmp_path / "maps", values, (1, 20, 30))


@pytest.fixture
def columns(tmp_path, values):
    """Six files in spatial chunks: the layout that suits."""
    return write_years(tmp_path / "columns", values, (4, 5, 6))


@pytest.fixture
def touched(monkeypatch):
    """Count how often each disk chunk is unpacked."""
    counts = {}
    real = lazy_files._unpack

    def counted(variable, piece, out, **options):
        chunks = variable.encoding["chunksizes"]
        ranges = [range(a // step, -(-b // step)) for (a, b), step in zip(piece, chunks, strict=True)]
        for index in itertools.product(*ranges):
            key = (variable.encoding["source"], *index)
            counts[key] = counts.get(key, 0) + 1
        return real(variable, piece, out, **options)

    monkeypatch.setattr(lazy_files, "_unpack", counted)
    monkeypatch.setattr(lazy_files, "PIECE_BYTES", 4000)
    return counts


def small_plan(pattern, **options):
    array = io.open_input([pattern])["tas"]
    return array, io.plan_chunks(array, "time", **({"memory_limit": 30_000, "threads": 1} | options))


# --- plans, and reads that are counted -------------------------------------------------------------


def test_tiles_that_follow_disk_chunks_read_every_chunk_once(columns, values, touched):
    array, plan = small_plan(columns)
    assert (plan.reading, plan.passes) == ("tiles", 1)
    assert plan.blocks["lat"] % 5 == 0
    assert plan.blocks["lon"] % 6 == 0
    assert np.array_equal(io.read(array, plan).compute(scheduler="synchronous"), values)
    assert len(touched) == 6 * 4 * 5
    assert set(touched.values()) == {1}


def test_wide_chunks_are_read_as_often_as_the_plan_says(maps, values, touched):
    array, plan = small_plan(maps)
    assert plan.reading == "passes"
    assert plan.tasks == plan.passes > 1
    assert np.array_equal(io.read(array, plan).compute(scheduler="synchronous"), values)
    assert set(touched.values()) == {plan.passes}


def test_a_copy_on_disk_reads_every_chunk_once(maps, values, touched, tmp_path):
    array, plan = small_plan(maps, space=1e9)
    assert (plan.reading, plan.passes) == ("zarr", 1)
    lazy = io.read(array, plan, scratch=tmp_path)
    assert len(touched) == SHAPE[0]
    assert set(touched.values()) == {1}
    assert lazy.chunksizes["time"] == (24,)
    assert np.array_equal(lazy, values)
    assert set(touched.values()) == {1}, "the copy is what is read from then on"


def test_without_room_for_a_copy_chunks_are_read_several_times(maps):
    assert small_plan(maps, space=1000.0)[1].reading == "passes"
    assert small_plan(maps, space=1e9, rechunk="passes")[1].reading == "passes"
    assert small_plan(maps, memory_limit=140_000, in_memory=False)[1].passes == 2


@pytest.mark.parametrize("limit", [20_000, 30_000, 60_000, 1_000_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_planned_memory_stays_below_the_limit(columns, maps, limit, threads):
    for pattern in (columns, maps):
        plan = small_plan(pattern, memory_limit=limit, threads=threads, space=1e9)[1]
        assert plan.memory <= limit
        # As the kernel and dask's copy for it hold each of them.
        tile = 2 * 24 * 4 * int(np.prod(list(plan.blocks.values()))) if plan.blocks else plan.nbytes
        assert tile * (threads if plan.blocks and not plan.whole else 1) <= limit


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("processes", [0, 1, 3])
@pytest.mark.parametrize("rechunk", ["auto", "passes"])
def test_a_limit_that_is_too_small_is_refused_with_the_least_that_works(columns, maps, threads, processes, rechunk):
    for pattern in (columns, maps):
        options = {"threads": threads, "processes": processes, "space": 1e9, "rechunk": rechunk}
        with pytest.raises(io.InputError, match=r"is too small: .* is the least that works") as refused:
            small_plan(pattern, memory_limit=1000, **options)
        number, unit = re.search(r"([\d,]+) (MB|bytes) is the least", str(refused.value)).groups()
        least = int(number.replace(",", "")) * (1_000_000 if unit == "MB" else 1)
        assert small_plan(pattern, memory_limit=least, **options)[1].memory <= least
        if not processes:
            with pytest.raises(io.InputError, match=f"{number} bytes is the least"):
                small_plan(pattern, memory_limit=least - 10, **options)


def test_tiles_can_be_asked_for(columns, touched):
    array, plan = small_plan(columns, chunks={"lat": 5})
    assert plan.blocks == {"lat": 5, "lon": 30}
    assert plan.passes == 1
    array, plan = small_plan(columns, chunks={"lat": 3, "lon": 30})
    assert plan.passes == 3, "the second chunk, rows 5 to 9, lies under rows 3-5, 6-8 and 9-11"
    io.read(array, plan).compute(scheduler="synchronous")
    assert max(touched.values()) == plan.passes
    with pytest.raises(io.InputError, match=r"cannot be cut along 'time': every cell needs its whole series"):
        io.check_tiles(array, "time", {"time": 4})
    with pytest.raises(io.InputError, match=r"along 'x': there is no such dimension. Cut along lat or lon"):
        io.check_tiles(array, "time", {"x": 4})


@pytest.mark.parametrize("shape", [(1, 20, 30), (4, 20, 30), (2, 10, 15), (4, 5, 6), (3, 7, 11)])
@pytest.mark.parametrize("limit", [39_000, 60_000])
def test_no_two_tasks_write_into_one_chunk_of_a_copy(tmp_path, values, shape, limit):
    pattern = write_years(tmp_path / "in", values, shape)
    array, plan = small_plan(pattern, memory_limit=limit, rechunk="zarr", space=1e9, chunks=None)
    if plan.reading == "zarr":
        for name in ("lat", "lon"):
            whole = plan.slabs[name] == array.sizes[name]
            assert whole or plan.slabs[name] % plan.blocks[name] == 0
    assert np.array_equal(io.read(array, plan, scratch=tmp_path), values)


@pytest.mark.slow
def test_a_record_goes_through_less_memory_than_it_has(tmp_path):
    with made((60, 720, 1440), (1, None, None)) as folder:
        done, counts = run(folder, "out.zarr", "--memory-limit", "400MB")
        run(folder, "whole.zarr", "--memory-limit", "8GB")
        assert same(folder / "out.zarr", folder / "whole.zarr")
    assert counts == [1, 1]
    assert done.memory <= 400e6


# --- many files ------------------------------------------------------------------------------------


def test_files_are_closed_again(maps, values):
    array = io.open_input([maps])["tas"]
    before = len(os.listdir("/proc/self/fd"))
    assert np.array_equal(array, values)
    assert len(os.listdir("/proc/self/fd")) <= before


def open_files():
    """Names of the files that this process has open."""
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return [os.readlink(link) for link in links if os.path.lexists(link)]


def test_tiles_open_each_file_once_as_long_as_the_array_is_needed(columns, values, monkeypatch):
    opened = []
    real = netcdf._open_file
    array = io.open_input([columns])["tas"]
    monkeypatch.setattr(netcdf, "_open_file", lambda path, mode: opened.append(path) or real(path, mode))
    for start in (0, 5, 10, 15):
        assert np.array_equal(array[:, start : start + 5], values[:, start : start + 5])
    assert len(opened) == len(set(opened)) == 6
    assert set(opened) <= set(open_files())
    copy = pickle.loads(pickle.dumps(array.variable._data))
    del array
    gc.collect()
    assert not set(opened) & set(open_files())
    assert np.array_equal(copy.get_duck_array(), values)


def test_files_that_are_evicted_are_opened_again(columns, values):
    with xr.set_options(file_cache_maxsize=2):
        array = io.open_input([columns])["tas"]
        for start in (0, 5, 10, 15):
            assert np.array_equal(array[:, start : start + 5], values[:, start : start + 5])
            assert sum("columns" in path for path in open_files()) <= 2


@pytest.mark.parametrize("key", [np.s_[3], np.s_[2:20:5], np.s_[:, 4, :], np.s_[[20, 1, 9]], np.s_[::-1, 3:9, [5, 2]]])
def test_any_selection_reads_the_same_as_numpy(maps, values, key):
    array = io.open_input([maps])["tas"]
    expected = values[key] if not isinstance(key, tuple) or len(key) < 3 else values[key[0]][:, key[1]][..., key[2]]
    assert np.array_equal(array[key].values, expected)


def rewrite(path, **changes):
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        dataset = dataset.load()
    dataset.assign_coords(changes).to_netcdf(path, engine="netcdf4")


def test_times_in_two_files_are_refused(maps, tmp_path):
    one = min((tmp_path / "maps").iterdir())
    (tmp_path / "maps" / "copy.nc").write_bytes(one.read_bytes())
    with pytest.raises(io.InputError, match=r"copy\.nc' \(2000-01-01.*hold 4 times twice.*Leave one"):
        io.open_input([maps])
    rewrite(tmp_path / "maps" / "copy.nc", time=xr.date_range("2000-02-20", periods=4, freq="7D"))
    with pytest.raises(io.InputError, match=r"overlap in time"):
        io.open_input([maps])


def test_a_gap_between_files_is_told(maps, tmp_path):
    (sorted((tmp_path / "maps").iterdir())[2]).unlink()
    with pytest.warns(UserWarning, match=r"no file covers the time between 2000-08-01.*and 2001-01-01.*missing"):
        assert io.open_input([maps]).sizes["time"] == 20


def test_noise_in_coordinates_is_the_same_grid_and_more_is_not(maps, tmp_path):
    last = max((tmp_path / "maps").iterdir())
    with xr.open_dataset(last) as dataset:
        lat = dataset["lat"].values
    rewrite(last, lat=lat + 1e-5)
    assert io.open_input([maps])["lat"].values[0] == 57
    rewrite(last, lat=lat + 0.5)
    with pytest.raises(io.InputError, match=r"'lat' in .* differs by up to 0.5"):
        io.open_input([maps])
    with xr.open_dataset(last, engine="netcdf4") as dataset:
        cut = dataset.isel(lon=slice(20)).load()
    cut.to_netcdf(last, engine="netcdf4")
    with pytest.raises(io.InputError, match=r"has 20 values along 'lon', and .* 30"):
        io.open_input([maps])


def test_a_variable_that_is_not_wanted_may_be_lacking(maps, tmp_path):
    first = min((tmp_path / "maps").iterdir())
    with xr.open_dataset(first, engine="netcdf4") as dataset:
        dataset = dataset.load()
    dataset.assign(pr=dataset["tas"] * 0).to_netcdf(first, engine="netcdf4")
    with pytest.raises(io.InputError, match=r"has no variable 'pr'.*variable="):
        io.open_input([maps])
    assert set(io.open_input([maps], variables=["tas"]).data_vars) == {"tas"}


def test_units_and_calendars_must_agree(maps, tmp_path):
    last = max((tmp_path / "maps").iterdir())
    with xr.open_dataset(last, engine="netcdf4") as dataset:
        dataset = dataset.load()
    dataset["tas"].attrs["units"] = "degC"
    dataset.to_netcdf(last, engine="netcdf4")
    with pytest.raises(io.InputError, match=r"is in 'degC' in .*and in 'K'"):
        io.open_input([maps])
    rewrite(last, time=xr.date_range("2001-09-16", periods=4, freq="MS", calendar="360_day", use_cftime=True))
    with pytest.raises(io.InputError, match=r"of the proleptic_gregorian calendar .* of the 360_day calendar"):
        io.open_input([maps])


def test_a_file_named_twice_is_refused(maps, tmp_path):
    one = min((tmp_path / "maps").iterdir())
    with pytest.raises(io.InputError, match=r"is named twice"):
        io.open_input([maps, one])


def test_packing_may_differ_from_file_to_file(tmp_path, values):
    pattern = write_years(tmp_path / "in", values, (1, 20, 30))
    for k, path in enumerate(sorted((tmp_path / "in").iterdir())):
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            dataset = dataset.load()
        packing = {"dtype": "i2", "scale_factor": 0.001 * (k + 1), "add_offset": float(k), "_FillValue": -32767}
        dataset.to_netcdf(path, engine="netcdf4", encoding={"tas": packing})
    assert np.allclose(io.open_input([pattern])["tas"], values, atol=0.0031)


def test_several_zarr_stores_are_one_record(tmp_path, values):
    for k in (0, 12):
        time = xr.date_range("2000-01-16", periods=24, freq="MS")[k : k + 12]
        field = xr.DataArray(values[k : k + 12], {"time": time}, ("time", "lat", "lon"), "tas")
        version = 2 if k else 3
        field.to_dataset().to_zarr(
            tmp_path / f"{k}.zarr", zarr_format=version, consolidated=False, encoding={"tas": {"chunks": (12, 10, 10)}}
        )
    array, plan = small_plan(tmp_path / "*.zarr", memory_limit=60_000)
    assert plan.reading == "tiles"
    assert np.array_equal(io.read(array, plan), values)


def test_remote_files_come_through_fsspec(maps, tmp_path, values):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in sorted((tmp_path / "maps").iterdir()):
        memory.pipe(f"/record/{path.name}", path.read_bytes())
    assert np.array_equal(io.open_input(["memory://record/*.nc"])["tas"], values)
    with pytest.raises(io.InputError, match=r"memory://nowhere/a\.nc' cannot be fetched"):
        io.open_input(["memory://nowhere/a.nc"])
    with pytest.raises(io.InputError, match=r"cannot be "):
        io.open_input(["nosuch://host/a.nc"])


# --- Python users ----------------------------------------------------------------------------------


def test_open_grid_is_lazy_and_cut_for_trends(maps, columns, values, no_compute, monkeypatch):
    # Whatever the process of the tests takes.
    monkeypatch.setattr(sys.modules["gridtrend.io.open_grid"], "process_bytes", lambda compiling: 320_000_000)
    expected = xr.open_mfdataset(str(maps), combine="by_coords", join="exact", data_vars="minimal")["tas"].compute()
    for pattern in (maps, columns):
        for limit in (None, 330_000_000 + 30_000):
            with no_compute():
                tas = gt.open_grid(pattern, memory_limit=limit)
                result = tas.gridtrend.mann_kendall()
            assert len(tas.chunksizes["time"]) == 1
            xr.testing.assert_equal(tas.compute(), expected)
            xr.testing.assert_equal(result.compute(), expected.gridtrend.mann_kendall())
    part = gt.open_grid(str(maps), select={"lat": "0:30", "time": "2000"}, chunks={"lon": 10}, variable="tas")
    assert part.chunksizes["lon"] == (10, 10, 10)
    assert part.sizes["time"] == 12


def test_open_grid_asks_which_variable(tmp_path, values):
    both = xr.Dataset(dict.fromkeys(("tas", "pr"), (("time", "lat", "lon"), values)))
    both.to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    with pytest.raises(io.InputError, match=r"several variables, tas, pr: choose one with variable="):
        gt.open_grid(tmp_path / "a.nc")


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize("chunks", [{"lat": 7}, {"lat": 7, "lon": 8}, {"lat": (3, 8, 9)}])
def test_lazy_results_are_written_as_if_they_were_not(tmp_path, values, suffix, chunks):
    array = xr.DataArray(values, dims=("time", "lat", "lon"), name="tas")
    expected = gt.mann_kendall(array)
    lazy = gt.mann_kendall(array.chunk(chunks)).assign(when=("lat", np.arange(20).astype("M8[D]").astype("M8[ns]")))
    lazy["when"] = lazy["when"].chunk({"lat": 6})
    gt.write(lazy, tmp_path / f"out.{suffix}")
    with io.open_input([tmp_path / f"out.{suffix}"]) as written:
        for name in expected.data_vars:
            np.testing.assert_array_equal(written[name], expected[name], name)
        assert (written["when"].values == np.arange(20).astype("M8[D]")).all()
    assert os.listdir(tmp_path) == [f"out.{suffix}"]
    with pytest.raises(io.OutputError, match=r"exists"):
        gt.write(lazy, tmp_path / f"out.{suffix}")


def test_a_series_alone_can_be_written(tmp_path):
    gt.write(xr.DataArray(np.arange(4.0), dims="time", name="x"), tmp_path / "x.nc")
    assert io.open_input([tmp_path / "x.nc"])["x"].values.tolist() == [0, 1, 2, 3]


def test_large_maps_are_stored_in_chunks_that_divide_tiles(monkeypatch):
    monkeypatch.setattr("gridtrend.io.metadata.CHUNK_CELLS", 100)
    lazy = xr.Dataset({"slope": (("lat", "lon"), dask.array.zeros((40, 30), chunks=(12, 30)))})
    chunk = io.metadata.netcdf_encoding(lazy)["slope"]["chunksizes"]
    assert chunk == (3, 30)


# --- ledgers and locks -----------------------------------------------------------------------------


def test_a_ledger_survives_a_line_that_was_cut_short(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    ledger.begin({"inputs": {"a.nc": [1, 2]}}, {"tas": io.Plan("tiles", {"lat": 5})})
    ledger.enter("tau+s", (0, 1))
    ledger.enter("tau+s", (2, 1))
    ledger.close()
    text = ledger.path.read_text()
    ledger.path.write_text(text[:-5])
    again = Ledger(ledger.path)
    assert again.finished("tau+s") == {(0, 1)}
    again.enter("tau+s", (3, 0))
    again.close()
    assert Ledger(ledger.path).finished("tau+s") == {(0, 1), (3, 0)}
    assert Ledger(ledger.path).agree({"inputs": {"a.nc": [1, 2]}})["tas"].blocks == {"lat": 5}
    with pytest.raises(io.OutputError, match=r"cannot resume: inputs changed .*a\.nc: \[1, 2\] is now \[1, 3\]"):
        again.agree({"inputs": {"a.nc": [1, 3]}})


def test_two_runs_on_one_output_exclude_each_other(tmp_path):
    target = tmp_path / "out.zarr"
    with io.workspace(target):
        with pytest.raises(io.OutputError, match=r"another run is writing"), io.workspace(target):
            pass
        assert len(os.listdir(tmp_path)) == 1, "the loser leaves the winner's work alone"
    with io.workspace(target):
        pass
    assert os.listdir(tmp_path) == []


def test_a_signal_before_the_first_work_leaves_no_folder(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("gridtrend.io.workspaces.Workspace", interrupted)
    with pytest.raises(KeyboardInterrupt), io.workspace(tmp_path / "out.zarr"):
        pass
    assert os.listdir(tmp_path) == []


def test_only_what_is_missing_is_computed_again(tmp_path, values):
    array = xr.DataArray(values, dims=("time", "lat", "lon"), name="tas")
    computed = []

    def result():
        def seen(block):
            computed.append(block.shape)
            return block

        lazy = array.chunk({"lat": 5})
        lazy = lazy.copy(data=lazy.data.map_blocks(seen, dtype="f4", meta=np.empty((0, 0, 0), "f4")))
        return gt.mann_kendall(lazy)

    target = tmp_path / "out.zarr"

    class PowerCut(BaseException):
        pass

    def stop(label, done, total):
        if done == 2:
            raise PowerCut

    with dask.config.set(scheduler="synchronous"):
        with pytest.raises(PowerCut) as caught, io.workspace(target) as work:
            io.write(result(), target, work=work, report=stop)
        assert caught.value.__notes__ == ["2 finished parts are kept: the same call with --resume goes on"]
        assert len(computed) == 2
        with pytest.raises(io.OutputError, match=r"an earlier run left 2 finished parts .*--resume"):
            io.write(result(), target)
        with io.workspace(target, resume=True) as work:
            io.write(result(), target, work=work)
    assert len(computed) == 4
    with io.open_input([target]) as written:
        np.testing.assert_array_equal(written["slope"], gt.mann_kendall(array)["slope"])
    assert os.listdir(tmp_path) == ["out.zarr"]
