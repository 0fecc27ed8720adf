"""What a run has finished, kept beside its output so that another run can go on; and the lock that keeps others out."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from gridtrend.io.errors import OutputError


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

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write down what the run depends on, unless that is there."""
        if not self.header:
            self.header = json.loads(json.dumps(header))
            self._line(self.header)

    def finished(self, name: str) -> set[tuple[int, ...]]:
        """Regions of one stage that need not be done again."""
        return set(self._finished.get(name, ()))

    def __len__(self) -> int:
        return sum(map(len, self._finished.values()))

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
            self._file.close()
            self._file = None


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


def _settle(work: Workspace, folder: Path, resume: bool, overwrite: bool) -> None:
    """Keep or clear away what an earlier run left."""
    left = len(work.ledger)
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
