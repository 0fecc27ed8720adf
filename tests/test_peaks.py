"""Memory limits: what a run takes at its peak, in all its processes, for all layouts of files."""

import os
import re
import sys

import pytest

from benchmarks.watch import Watched, watch
from tests.layouts import LAYOUTS, MAP_CHUNKS, Layout, netcdf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
LIMIT = 400e6
TABLE = []
"""What has been measured so far, a line for each run."""


def attempt(call, limit, cache):
    """Return what a run took; the least that works, in bytes, where the limit is refused."""
    environment = {"GRIDTREND_CACHE_DIR": str(cache)} if cache else {}
    try:
        return watch(["-m", "gridtrend", *call, "--memory-limit", f"{limit:.0f}"], **environment)
    except RuntimeError as refused:
        least = re.search(r"([\d,]+) MB is the least", str(refused))
        if not least:
            raise
        return 1e6 * float(least.group(1).replace(",", ""))


def check_peak(folder, name, out, *options, layout=None, limit=LIMIT, cold=False):
    """Run with a limit, or with the least that works where that is refused, and look at the peak."""
    layout = layout or LAYOUTS[name]
    call = ["trend", layout.write(folder), str(folder / f"out{out}"), "-q", *layout.call, *options]
    before = sorted(os.listdir(folder))
    took = attempt(call, limit, cold and folder / "cache")
    if refused := not isinstance(took, Watched):
        assert sorted({*os.listdir(folder)} - {"cache"}) == before
        limit, took = took, attempt(call, took, cold and folder / "another cache")
        assert isinstance(took, Watched), f"{limit / 1e6} MB is said to be the least that works, and is refused"
    TABLE.append(
        f"{name:28} {out:5} {'cold' if cold else 'warm'} {' '.join(options):24} "
        f"{'least' if refused else 'limit'} {limit / 1e6:5.0f} MB, peak {took.memory / 1e6:5.0f} MB, {took.seconds:4.0f} s"
    )
    assert took.memory <= 1.05 * limit, "\n".join(["", *TABLE])
    assert not list(folder.glob(".gridtrend-*"))


@pytest.mark.slow
@pytest.mark.parametrize("out", [".nc", ".zarr"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_stays_below_its_limit(tmp_path, layout, out):
    check_peak(tmp_path, layout, out, "--no-slope", "--threads", "2")


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_that_compiles_stays_below_its_limit(tmp_path, layout):
    check_peak(tmp_path, layout, ".nc", "--no-slope", "--threads", "2", limit=500e6, cold=True)


@pytest.mark.slow
@pytest.mark.parametrize("out", [".nc", ".zarr"])
@pytest.mark.parametrize("options", [(), ("--fdr", "bh"), ("--method", "hamed_rao")], ids=" ".join)
def test_a_run_with_slopes_stays_below_its_limit(tmp_path, options, out):
    check_peak(tmp_path, "one map a chunk", out, "--threads", "1", *options)


@pytest.mark.slow
@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("layout", ["one map a chunk", "columns", "Zarr 3"])
def test_the_least_that_works_works(tmp_path, layout, cold):
    check_peak(tmp_path, layout, ".zarr", "--no-slope", "--threads", "2", limit=300e6, cold=cold)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["one map a chunk", "columns", "Zarr, shards"])
def test_workers_stay_below_the_limit_together(tmp_path, layout):
    check_peak(tmp_path, layout, ".zarr", "--no-slope", "--workers", "2", limit=1200e6)


def test_a_small_run_stays_below_its_limit(tmp_path):
    layout = Layout(netcdf, {"chunks": MAP_CHUNKS}, (120, 150, 500))
    check_peak(tmp_path, "small", ".nc", "--no-slope", layout=layout, limit=345e6)


def test_a_limit_below_what_a_process_takes_is_refused_before_anything_is_read(tmp_path):
    record = netcdf(tmp_path, (12, 20, 30))
    with pytest.raises(RuntimeError, match=r"too small: the process takes 3\d\d MB before any data.*is the least"):
        watch(["-m", "gridtrend", "trend", str(record), str(tmp_path / "out.nc"), "--memory-limit", "200MB"])
    assert os.listdir(tmp_path) == ["in.nc"]
