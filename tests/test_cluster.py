"""Workers: started here, joined by address, compiled once in each, and the same results as threads."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend import io

distributed = pytest.importorskip("distributed")
import psutil

from gridtrend import cluster
from tests.users import as_another_user

ROOT = Path(__file__).parents[1]
DASK = [sys.executable, "-m", "dask"]


@pytest.fixture(scope="module")
def crew():
    """Two workers of one thread."""
    with cluster.start(2, memory_limit=2e9) as found:
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
    from gridtrend.engine.kernel import Kernel

    real = Kernel._compile
    Kernel.compilations = []

    def counted(self, dtype):
        Kernel.compilations.append((self.__qualname__, str(dtype)))
        return real(self, dtype)

    Kernel._compile = counted


def compilations():
    from gridtrend.engine.kernel import Kernel

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


# --- workers are for their user alone -----------------------------------------------------------------

# What another user tries on ports of this machine: every way to be answered, and to run something.
ATTACK = """
import asyncio, os, socket, sys, urllib.request
from concurrent.futures import ThreadPoolExecutor, wait
from distributed import Client, Security
from distributed.core import connect
import distributed.deploy.local, distributed.protocol

assert os.getuid() != 0
own = Security.temporary()

async def asked(address, security):
    comm = await connect(address, timeout=3, **security.get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        return await asyncio.wait_for(comm.read(), 3)
    finally:
        comm.abort()

def tried(what, attempt, *arguments):
    try:
        got = attempt(*arguments)
    except (Exception, asyncio.CancelledError) as error:
        return
    if got:
        print(what, repr(got)[:200], flush=True)

def raw(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
        connection.settimeout(3)
        connection.sendall(sent)
        # An alert of TLS, of 7 bytes that start with 21, refuses.
        received = connection.recv(100)
        return b"" if received[:1] == bytes([21]) or b" 404 " in received or b" 400 " in received else received

def page(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=3) as response:
        return b"" if response.read() == b'{"paths": ["/sitemap.json"]}' else response.status

def executed(address, security):
    with Client(address, security=security, timeout=3) as client:
        return client.run_on_scheduler(os.getuid), client.run(os.getuid)

attempts = []
for port in map(int, sys.argv[1:]):
    attempts.append((f"{port} raw", raw, port, bytes(16)))
    attempts.append((f"{port} http", raw, port, b"GET /info/main/workers.html HTTP/1.0\\r\\n\\r\\n"))
    for name in ("", "status", "health", "metrics", "json/counts.json", "info/main/workers.html", "sitemap.json"):
        attempts.append((f"{port} page {name}", page, port, name))
    for address, security in ((f"tcp://127.0.0.1:{port}", Security()), (f"tls://127.0.0.1:{port}", own)):
        attempts.append((f"{address} asked", lambda *at: asyncio.run(asked(*at)), address, security))
        attempts.append((f"{address} executed", executed, address, security))
# What is not answered by then waits for ever: a client of dask at a port for browsers.
wait([ThreadPoolExecutor(1).submit(tried, *attempt) for attempt in attempts], timeout=20)
print("done", flush=True)
os._exit(0)
"""


def attack(*ports):
    """Return what another user reaches at these ports."""
    ran = as_another_user(sys.executable, "-c", ATTACK, *map(str, ports), cwd=ROOT)
    *reached, done = ran.stdout.splitlines() or [""]
    assert done == "done", ran.stderr
    return reached


def listening(pid):
    """Return the addresses at which a process and its children listen."""
    parent = psutil.Process(pid)
    found = [item for one in (parent, *parent.children(recursive=True)) for item in one.net_connections("inet")]
    return [item.laddr for item in found if item.status == psutil.CONN_LISTEN]


@pytest.mark.skipif(os.name != "posix", reason="needs a second user")
def test_another_user_of_the_machine_reaches_nothing(crew):
    addresses = listening(os.getpid())
    assert {address.ip for address in addresses} == {"127.0.0.1"}
    assert len(addresses) >= 4, "a scheduler, a nanny and two workers at least"
    assert attack(*(address.port for address in addresses)) == []
    assert crew.client.submit(sum, [1, 2]).result(timeout=60) == 3, "and does no harm"


@pytest.mark.skipif(os.name != "posix", reason="needs a second user")
def test_the_same_attack_reaches_a_scheduler_without_credentials():
    # Or the test above proves nothing.
    options = {"host": "127.0.0.1", "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(
        n_workers=1, processes=False, scheduler_kwargs={"dashboard": False}, **options
    ) as open_to_all:
        address = open_to_all.scheduler_address
        reached = " ".join(attack(address.rpartition(":")[2]))
    assert f"{address} asked" in reached
    assert f"{address} executed ({os.getuid()}, " in reached


def test_what_workers_put_on_disk_lies_where_others_cannot_enter(crew):
    places = [*crew.client.run(lambda dask_worker: dask_worker.local_directory).values()]
    places.append(crew.client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.local_directory))
    for place in places:
        closed = [path for path in Path(place).parents if path.stat().st_mode & 0o077 == 0]
        assert closed
        assert all(path.stat().st_uid == os.getuid() for path in closed)
        assert Path(tempfile.gettempdir()) in closed[-1].parents or closed[-1] == Path(tempfile.gettempdir())


def open_folder(path):
    path.mkdir()
    path.chmod(0o777)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders of this system have no owners")
@pytest.mark.parametrize(
    "plant", [open_folder, lambda path: path.write_text(""), lambda path: path.symlink_to(path.parent.parent)]
)
def test_a_folder_that_another_has_prepared_is_not_used(tmp_path, plant):
    planted = tmp_path / "tmp" / f"gridtrend-{os.getuid()}"
    planted.parent.mkdir()
    plant(planted)
    with cluster._private_folder(str(planted.parent)) as place:
        assert Path(place).parent == planted.parent
        assert Path(place) != planted
        assert Path(place).stat().st_mode & 0o077 == 0
    assert not Path(place).exists()


def nested(number):
    with distributed.worker_client() as client:
        return client.submit(lambda x: 2 * x, number).result()


def test_tasks_start_tasks(crew):
    assert crew.client.submit(nested, 21).result(timeout=60) == 42


def test_without_cryptography_there_are_no_workers(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(cluster.ClusterError, match=r"workers need cryptography.*pip install 'gridtrend\[cluster\]'"):
        cluster.start(1).__enter__()


def test_messages_of_others_do_not_steer_the_terminal():
    assert cluster._line(OSError("no \x1b]0;title\x07 host\x9b2J \u202e\nmore")) == (
        r"no \x1b]0;title\x07 host\x9b2J \u202e"
    )


# --- by hand, as docs/clusters.md says --------------------------------------------------------------


@contextlib.contextmanager
def started(tmp_path, hosts=("127.0.0.1", "127.0.0.1"), within=((), ())):
    """Start a scheduler and two workers with the documented commands; they know one another by address only."""
    file = tmp_path / "scheduler.json"
    scheduler = [*within[0], *DASK, "scheduler", "--host", hosts[0], "--port", "0", "--no-dashboard"]
    processes = [subprocess.Popen([*scheduler, "--scheduler-file", str(file)], stderr=subprocess.DEVNULL, cwd=tmp_path)]
    deadline = time.monotonic() + 120
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    address = re.search(r'"address": "(tcp://[\d.:]+)"', file.read_text()).group(1)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for number, (host, inside) in enumerate(zip(hosts, within, strict=True)):
        folder = tmp_path / f"worker{number}"
        folder.mkdir()
        worker = [*inside, *DASK, "worker", address, "--nthreads", "1", "--host", host, "--no-dashboard"]
        processes.append(subprocess.Popen(worker, stderr=subprocess.DEVNULL, cwd=folder, env=environment))
    yield address, file, processes
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        process.wait(timeout=60)


@pytest.fixture
def by_hand(tmp_path):
    """Give address, file and processes of a cluster on this host."""
    with started(tmp_path) as cluster:
        yield cluster


def trend(*arguments, within=()):
    command = [*within, sys.executable, "-m", "gridtrend", "trend", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def two_hosts():
    """Make two network namespaces with a cable between them, or skip where that is not allowed."""
    names = [f"gridtrend{os.getpid()}{end}" for end in "ab"]
    try:
        for command in (
            *(f"netns add {name}" for name in names),
            f"link add gta netns {names[0]} type veth peer name gtb netns {names[1]}",
            *(f"-n {name} addr add 10.77.0.{k}/24 dev gt{'ab'[k - 1]}" for k, name in enumerate(names, 1)),
            *(
                f"-n {name} link set {dev} up"
                for name, end in zip(names, "ab", strict=True)
                for dev in ("lo", f"gt{end}")
            ),
        ):
            done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"network namespaces are not allowed here: {done.stderr}")
        yield [("ip", "netns", "exec", name) for name in names]
    except FileNotFoundError:
        pytest.skip("there is no `ip` to make network namespaces with")
    finally:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.mark.slow
def test_two_hosts_work_together_over_tcp(two_hosts, record, expected, tmp_path):
    target = tmp_path / "out.zarr"
    with started(tmp_path, ("10.77.0.1", "10.77.0.2"), two_hosts) as (address, _, _):
        assert address.startswith("tcp://10.77.0.1:")
        run = trend(record, target, "--chunks", "lat=4", "--scheduler", address, within=two_hosts[1])
        said = run.communicate(timeout=300)[1]
    assert "written in" in said, said
    with io.open_input([target]) as written:
        np.testing.assert_array_equal(written["slope"], expected["slope"])


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
    while run.poll() is None and not any(
        '["tau' in ledger.read_text() for ledger in tmp_path.glob(".gridtrend-*/ledger")
    ):
        time.sleep(0.01)
    processes[0].kill()
    said = run.communicate(timeout=120)[1]
    assert run.returncode == 1
    assert re.fullmatch(r"gridtrend: error: .*lost.* finished parts are kept: .*--resume goes on\n", said), said
    assert not target.exists()
    assert "written in" in trend(record, target, "--resume").communicate(timeout=300)[1]
    with io.open_input([target]) as written:
        np.testing.assert_array_equal(written["slope"], expected["slope"])
