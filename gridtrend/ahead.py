"""Kernels compiled ahead of their use: on a new machine, or into the folder that the machines of a cluster share."""

import collections
import functools
import importlib
import inspect
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gridtrend import public
from gridtrend.engine import cache, kept, trusted
from gridtrend.engine.reach import reached
from gridtrend.grid.checks import is_whole

__all__ = ["precompile"]

# What the command line computes.
_COMMAND_LINE = ("mann_kendall", "seasonal_mann_kendall", "red_noise")


class Precompiled(NamedTuple):
    """What `precompile` did.

    Attributes
    ----------
    kernels : int
        Number of kernels that are ready, one for each type of data.
    compiled : int
        Number of files that were written: of kernels, and of functions that they share.
    seconds : float
        How long it took.
    folder : Path
        Where compiled kernels are kept.
    size : int
        Bytes of all kernels in it.
    """

    kernels: int
    compiled: int
    seconds: float
    folder: Path
    size: int


class _Task(NamedTuple):
    """One kernel for one type of data."""

    module: str
    name: str
    dtype: str


def precompile(
    *functions: str,
    everything: bool = False,
    processes: int | None = None,
    report: Callable[[str, int, int], None] | None = None,
) -> Precompiled:
    """Compile kernels ahead of their use, in several processes, and keep them on disk.

    They are kept in the user's cache folder, or where the environment variable GRIDTREND_CACHE_DIR says. What lies there
    already is not compiled again.

    Parameters
    ----------
    *functions : str
        Names of public functions, such as "theil_sen" or "bvp.solve_linear". By default those that the command line
        calls: `mann_kendall` with all its methods, `seasonal_mann_kendall`, and `red_noise`.
    everything : bool
        Compile the kernels of all functions.
    processes : int, optional
        How many compile at the same time; by default one for each core. Each takes about 0.5 GB.
    report : callable, optional
        Called as `report(label, done, total)` when a kernel is ready.

    Returns
    -------
    Precompiled
        Number of kernels, number of files that were written, seconds, folder, and its size in bytes.

    Raises
    ------
    ValueError
        If a name is that of no function with kernels (those that have some are listed), or if `processes` is no whole
        number from 1 on.
    OSError
        If there is no folder to keep them in, or if others can write it.
    RuntimeError
        If a kernel cannot be compiled.

    Notes
    -----
    Kernels are compiled for float32 and float64. Right-hand sides of `ode.integrate` and `bvp.solve` are functions of the
    user: these are compiled when they are first used.

    Examples
    --------
    >>> import gridtrend as gt
    >>> gt.precompile("linear_trend").kernels
    2
    """
    started = time.monotonic()
    if processes is not None and not is_whole(processes, 1):
        raise ValueError(f"processes={processes!r}: give a whole number of processes from 1 on, such as 2.")
    tasks = _tasks(named(functions, everything=everything))
    folder, owners = kept.own_folder(make=True), trusted.owners()
    before = kept.contents(folder, owners).files
    total = len(tasks)
    _carry_out(tasks, min(int(processes or _cores()), total), report or (lambda *_: None))
    after = kept.contents(folder, owners)
    return Precompiled(total, after.files - before, time.monotonic() - started, folder, after.size)


def named(functions: Sequence[str], *, everything: bool = False) -> list[Any]:
    """The kernels of some functions, by their names; those of the command line by default."""
    known = _known()
    if unknown := [name for name in functions if name not in known]:
        raise ValueError(
            f"there is no kernel to compile for {unknown[0]!r}; functions with kernels: {', '.join(known)}."
        )
    wanted = list(known) if everything else functions or _COMMAND_LINE
    return list(dict.fromkeys(itertools.chain.from_iterable(known[name] for name in wanted)))


@functools.cache
def _known() -> dict[str, list[Any]]:
    """Public functions that have kernels, and these."""
    kernels = {name: _kernels_of(public.load(name)) for name in public.compiled()}
    return {name: found for name, found in kernels.items() if found}


def _kernels_of(function: Any) -> list[Any]:
    """Kernels that a function needs, and the routines that stand beside them."""
    from gridtrend.engine.kernel import Kernel, Routine

    found = [value for value in reached(function).values() if isinstance(value, Kernel | Routine)]
    modules = dict.fromkeys(value.__module__ for value in found)
    return found + [
        value for name in modules for value in vars(sys.modules[name]).values() if isinstance(value, Routine)
    ]


def _tasks(kernels: Sequence[Any]) -> "collections.deque[_Task]":
    return collections.deque(
        _Task(kernel.__module__, _name(kernel), dtype) for kernel in kernels for dtype in _dtypes(kernel)
    )


def _name(kernel: Any) -> str:
    """The name under which a kernel stands in its module."""
    return next(name for name, value in inspect.getmembers(sys.modules[kernel.__module__]) if value is kernel)


def _dtypes(kernel: Any) -> Iterator[str]:
    """The types of data that a kernel is compiled for; one that does not depend on them is compiled once."""
    yield "float64"
    if any(item.type == "T" for item in getattr(kernel, "blocks", ())):
        yield "float32"


def _cores() -> int:
    from gridtrend.io.machine import available_threads

    return available_threads()


def _carry_out(tasks: "collections.deque[_Task]", processes: int, report: Callable[[str, int, int], None]) -> None:
    """Do all tasks in processes, and report each."""
    outcomes: queue.SimpleQueue[_Task | Exception] = queue.SimpleQueue()
    total = len(tasks)
    report("compiling", 0, total)
    workers: list[_Worker] = []
    try:
        for number in range(processes):
            # From both ends: neighbours share functions, which two processes would compile at the same time.
            workers.append(_Worker(tasks.pop if number % 2 else tasks.popleft, outcomes))
        for done in range(1, total + 1):
            outcome = outcomes.get()
            if isinstance(outcome, Exception):
                raise outcome
            report(f"compiling {outcome.name}", done, total)
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process that compiles.

    It is no child of `multiprocessing`, which would run the script again that calls `precompile`.

    Parameters
    ----------
    take : callable
        Gives the next task, or raises IndexError where there is none.
    outcomes : queue
        Receives each task when it is done, or what stopped it.
    """

    def __init__(self, take: Callable[[], _Task], outcomes: "queue.SimpleQueue[_Task | Exception]"):
        # The same package, wherever this process found it.
        path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from gridtrend.ahead import work; work()"],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._thread = threading.Thread(target=self._serve, args=(take, outcomes), daemon=True)
        self._thread.start()

    def _serve(self, take: Callable[[], _Task], outcomes: "queue.SimpleQueue[_Task | Exception]") -> None:
        try:
            while True:
                task = take()
                self._compile(task)
                outcomes.put(task)
        except IndexError:
            return
        except Exception as error:  # noqa: BLE001
            outcomes.put(error)

    def _compile(self, task: _Task) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            raise RuntimeError(
                f"the process that compiled {task.name} ended ({self._process.wait()}); if memory ran out, fewer processes "
                "take less"
            )
        if trouble := json.loads(answer):
            raise RuntimeError(f"{task.name} could not be compiled: {trouble}")

    def end(self) -> None:
        """Stop the process, whatever it does."""
        self._process.kill()
        self._thread.join()
        self._process.communicate()


def work() -> None:
    """Compile what the standard input names, one task a line, and answer each with the trouble that there was, or nothing."""
    from gridtrend.engine.unit import make_deferred

    for line in sys.stdin:
        task, trouble = _Task(*json.loads(line)), ""
        try:
            kernel = getattr(importlib.import_module(task.module), task.name)
            kernel.compiled(*([task.dtype] if hasattr(kernel, "blocks") else []))
            make_deferred()
        except Exception as error:  # noqa: BLE001
            trouble = f"{type(error).__name__}: {error}"
        if not trouble and not cache.keeps_code():
            trouble = "it could not be kept on disk"
        print(json.dumps(trouble), flush=True)
