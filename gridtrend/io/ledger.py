"""What a run has finished, kept beside its output so that another run can go on; and the lock that keeps others out."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from gridtrend.io.errors import OutputError
from gridtrend.io.plan import Plan


class Ledger:
    """Finished regions, one line each: a line is there when its region is, however the run ends.

    Parameters
    ----------
    path : Path
        The file. It begins with what the run depends on.
    """

    def __init__(self, path: Path):
        self.path = path
        self.header: dict[str, Any] = {}
        self._finished: dict[str, set[tuple[int, ...]]] = {}
        self._file: IO[str] | None = None
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            # The last line of a run that was killed may be cut short; its region is done again.
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    self.header = entry
                else:
                    self._finished.setdefault(entry[0], set()).add(tuple(entry[1:]))

    def begin(self, facts: Mapping[str, Any], plans: Mapping[str, Plan]) -> None:
        """Write down what the results depend on, and how the work is cut."""
        self.header = {**facts, "plans": {name: asdict(plan) for name, plan in plans.items()}}
        self._line(self.header)

    def agree(self, facts: Mapping[str, Any]) -> dict[str, Plan]:
        """The plans of the run that is resumed, if the results depend on the same as they did then."""
        for key, now in json.loads(json.dumps(facts)).items():
            if (then := self.header.get(key)) != now:
                what = (
                    _difference(then, now)
                    if isinstance(now, dict) and isinstance(then, dict)
                    else f"{then} is now {now}"
                )
                raise OutputError(
                    f"cannot resume: {key} changed since the run that was interrupted ({what}). Finished parts would not "
                    "fit the others: start anew with --overwrite, or go back to what it was"
                )
        return {name: Plan(**plan) for name, plan in self.header["plans"].items()}

    def finished(self, name: str) -> set[tuple[int, ...]]:
        """Regions of one stage that need not be done again."""
        return set(self._finished.get(name, ()))

    def __len__(self) -> int:
        return sum(index != () for done in self._finished.values() for index in done)

    def enter(self, name: str, index: tuple[int, ...]) -> None:
        """Note that a region is finished."""
        self._finished.setdefault(name, set()).add(index)
        self._line([name, *map(int, index)])

    def _line(self, content: Any) -> None:
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8")
            if self.path.stat().st_size:
                # Whatever was cut short ends here.
                self._file.write("\n")
        self._file.write(json.dumps(content) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            # A line that a full disk did not take is not taken now either; its region is done again.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    changed = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    return "; ".join(f"{key}: {then.get(key)} is now {now.get(key)}" for key in changed[:3])


def fingerprint(paths: Iterable[str]) -> dict[str, Any]:
    """What tells whether inputs are the same as before: sizes and times of files, and of what describes a store."""
    found = {}
    for path in paths:
        described = [Path(path, name) for name in ("zarr.json", ".zmetadata", ".zgroup")] if os.path.isdir(path) else []
        files = [Path(path), *described]
        found[path] = [[file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.is_file()]
    return found


def free_space(folder: Path) -> float:
    """Bytes that a copy may take in a folder; a tenth of what is free stays so."""
    return 0.9 * shutil.disk_usage(folder).free


class Workspace:
    """A hidden folder beside the output, where all of it grows.

    Attributes
    ----------
    part : Path
        The output, until it is complete.
    scratch : Path
        Folder for copies.
    ledger : Ledger
        What is finished.
    """

    def __init__(self, target: Path, folder: Path):
        self.target = target
        self.part = folder / target.name
        self.scratch = folder / "scratch"
        self.ledger = Ledger(folder / "ledger")


@contextlib.contextmanager
def workspace(target: Path, *, resume: bool = False, overwrite: bool = False) -> Iterator[Workspace]:
    """Work on an output that nobody else works on; leave nothing behind but a Zarr store that can be resumed.

    Parameters
    ----------
    target : Path
        From `check_output`.
    resume : bool
        Go on with what an earlier run left.
    overwrite : bool
        Throw away what an earlier run left.

    Raises
    ------
    OutputError
        If another run is at work, or an earlier one left work that is neither to be resumed nor thrown away.
    """
    folder = target.with_name(f".{target.name}.part")
    try:
        with _alone(folder, target):
            work = Workspace(target, folder)
            try:
                _settle(work, folder, resume, overwrite)
                work.scratch.mkdir(exist_ok=True)
                yield work
            except BaseException as error:
                work.ledger.close()
                if target.suffix == ".zarr" and len(work.ledger):
                    error.add_note(f"{len(work.ledger)} finished parts are kept: the same call with --resume goes on")
                else:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            work.ledger.close()
            shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        # A signal may have come between the making of the folder and the first work in it.
        _sweep(folder)
        raise


def _sweep(folder: Path) -> None:
    """Remove a folder in which there is nothing but a lock that nobody holds."""
    with contextlib.suppress(FileNotFoundError):
        if not set(os.listdir(folder)) <= {"lock"}:
            return
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            if _locked(handle):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def _settle(work: Workspace, folder: Path, resume: bool, overwrite: bool) -> None:
    """Keep or clear away what an earlier run left."""
    # A run that ended between moving the output into place and clearing up left a ledger and no work.
    left = 0 if work.ledger.finished("store") and not work.part.exists() else len(work.ledger)
    if resume and not left:
        raise OutputError(f"there is nothing to resume for '{work.target}': no unfinished run left any part of it")
    if resume:
        return
    if left and not overwrite:
        raise OutputError(
            f"an earlier run left {left} finished parts of '{work.target}': go on with --resume, or discard them "
            "with --overwrite"
        )
    for path in folder.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    work.ledger = Ledger(folder / "ledger")


@contextlib.contextmanager
def _alone(folder: Path, target: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system lets go of it when the process ends, however it does."""
    while True:
        folder.mkdir(exist_ok=True)
        try:
            handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:
            continue
        try:
            if not _locked(handle):
                raise OutputError(
                    f"another run is writing '{target}': wait until it has ended, or choose another output"
                )
            # A run that ended in between has removed the folder with the lock in it.
            if _same(handle, folder / "lock"):
                yield
                return
        finally:
            os.close(handle)


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # pragma: no cover  (Windows keeps open files from being removed)
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
