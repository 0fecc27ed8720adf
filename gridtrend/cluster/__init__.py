"""Workers for dask: start some on this machine, or join a cluster that runs. The only importer of distributed."""

import contextlib
import logging
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ClusterError", "Crew", "join", "start"]

CONNECT_SECONDS = 20


class ClusterError(OSError):
    """Workers cannot be started, or a cluster not be joined."""


@dataclass(frozen=True)
class Crew:
    """Who works: the client, the number of threads of all workers, and the bytes that they may take (0: not known)."""

    client: "Client"
    threads: int
    memory: float


@contextlib.contextmanager
def start(workers: int, *, threads_per_worker: int = 1, memory_limit: float | None = None) -> Iterator[Crew]:
    """Start worker processes on this machine, and end them at the end.

    Others on the machine cannot use them: every connection needs a key that is made here, stays in memory and is given to
    the workers alone. There is no dashboard, because its pages cannot be kept from others.

    Parameters
    ----------
    workers, threads_per_worker : int
        How many.
    memory_limit : float, optional
        Bytes for all of them, beyond which a worker puts results on disk. Tiles are planned to stay below.

    Yields
    ------
    Crew
        Client, threads and memory of the workers.

    Raises
    ------
    ClusterError
        If they cannot be started.
    """
    import dask

    distributed = _distributed()
    security = _credentials(distributed)
    settings = {
        # A worker near its limit must not be killed: the plan has seen to the limit, and a kill costs its work.
        "distributed.worker.memory.terminate": False,
        "distributed.worker.memory.pause": False,
        # Without pages: the ports for browsers answer nothing.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    options: dict[str, Any] = {"memory_limit": memory_limit / workers} if memory_limit else {}
    with dask.config.set(settings), _quiet(), contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(_private_folder(dask.config.get("temporary-directory", None)))
            stack.enter_context(dask.config.set({"temporary-directory": place}))
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=threads_per_worker,
                    processes=True,
                    host="127.0.0.1",
                    security=security,
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                    **options,
                )
            )
            client = stack.enter_context(distributed.Client(cluster))
            client.wait_for_workers(workers, timeout=120)
        except (OSError, RuntimeError) as error:
            raise ClusterError(f"{workers} workers could not be started: {_line(error)}") from error
        yield Crew(client, workers * threads_per_worker, memory_limit or 0.0)


@contextlib.contextmanager
def join(
    scheduler: str | None = None, *, scheduler_file: str | None = None, say: Callable[[str], None] = print
) -> Iterator[Crew]:
    """Join a cluster that runs: leave it as it was at the end.

    Parameters
    ----------
    scheduler : str, optional
        Its address, such as "tcp://10.0.0.1:8786".
    scheduler_file : str, optional
        The file that a scheduler writes its address to.
    say : callable
        Told where the dashboard is.
    """
    distributed = _distributed()
    if scheduler_file is not None and not os.path.exists(scheduler_file):
        raise ClusterError(
            f"there is no scheduler file '{scheduler_file}': start one with `dask scheduler --scheduler-file "
            f"{scheduler_file}`"
        )
    where = scheduler or f"that '{scheduler_file}' names"
    with _quiet():
        try:
            client = distributed.Client(scheduler, scheduler_file=scheduler_file, timeout=CONNECT_SECONDS)
        except (OSError, ValueError, KeyError, TimeoutError) as error:
            raise ClusterError(
                f"no scheduler answers at the address {where} ({_line(error)}): check it, or start one with "
                "`dask scheduler`"
            ) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=CONNECT_SECONDS)
            except (OSError, TimeoutError) as error:
                raise ClusterError(
                    f"the scheduler at the address {where} has no workers: start some with `dask worker ADDRESS`"
                ) from error
            _tell_dashboard(client, say)
            found = client.scheduler_info(n_workers=-1)["workers"].values()
            memory = sum(worker["memory_limit"] or 0 for worker in found)
            yield Crew(client, sum(worker["nthreads"] for worker in found), float(memory))


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ClusterError(
            "workers need distributed, which is not installed: pip install 'gridtrend[cluster]'"
        ) from error
    return distributed


def _credentials(distributed: Any) -> Any:
    """A key for one cluster, whose owners trust one another and nobody else."""
    try:
        return distributed.Security.temporary()
    except ImportError as error:
        raise ClusterError(
            "workers need cryptography, which is not installed: pip install 'gridtrend[cluster]'"
        ) from error


@contextlib.contextmanager
def _private_folder(place: str | None) -> Iterator[str]:
    """A folder that others cannot enter, for what workers put on disk: it is executed when it is read back.

    All runs of a user have the same one, because dask clears away there what a killed run left.
    """
    if hasattr(os, "getuid"):
        path = os.path.join(place or tempfile.gettempdir(), f"gridtrend-{os.getuid()}")
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
            yield path
            return
    # Another made one of this name.
    with tempfile.TemporaryDirectory(prefix="gridtrend-", dir=place, ignore_cleanup_errors=True) as path:
        yield path


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed's log from the terminal: what users must know is said in an error of one line."""
    # Python's own tracker of shared resources complains about those of a worker that was killed.
    sys.warnoptions.append("ignore:resource_tracker")
    # distributed gives many of its loggers a level and a handler of their own.
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("distributed", "tornado")]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        sys.warnoptions.remove("ignore:resource_tracker")


def _tell_dashboard(client: "Client", say: Callable[[str], None]) -> None:
    from importlib.util import find_spec

    needs = "" if find_spec("bokeh") else " (it needs bokeh where the scheduler runs: pip install bokeh)"
    say(f"dashboard: {client.dashboard_link}{needs}")


def _line(error: BaseException) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    # Others may have written it: without characters that steer terminals.
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
