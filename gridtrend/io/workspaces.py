"""The hidden folder beside an output in which the output grows: made, found again by what is written in it, removed.

Its name cannot be guessed and it belongs to its user alone, so that nobody can put anything in its place. It is known by the
file `run` in it, which names the run and the output, and which the run holds locked as long as it lives.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gridtrend.grid.dialect import either
from gridtrend.io.errors import InputError, OutputError
from gridtrend.io.exchange import move
from gridtrend.io.fingerprints import changed, fingerprint
from gridtrend.io.ledger import Ledger
from gridtrend.io.marker import entries, owner_in, read_json, run_of
from gridtrend.io.plan import Plan

PREFIX = ".gridtrend-"
NAME = re.compile(re.escape(PREFIX) + "[0-9a-f]{16}")
# Seconds to wait for another run that is about to begin or to end in the same folder.
PATIENCE = 10.0


class Workspace:
    """A hidden folder beside the output, where all of it grows.

    Attributes
    ----------
    run : str
        Id of the run that made it.
    part : Path
        The output, until it is complete.
    aside : Path
        The old output, where it cannot be replaced in one step.
    scratch : Path
        Folder for copies.
    ledger : Ledger
        What is finished.
    plans : dict
        How the work is cut: empty until it is known, and that of the run that is resumed.
    """

    def __init__(self, target: Path, folder: Path, facts: Mapping[str, Any] | None = None):
        known = read_json(folder / "run")
        self.target = target
        self.folder = folder
        self.run = str(known.get("run", ""))
        self.resumable = bool(known.get("resumable"))
        self.part = folder / f"result{target.suffix}"
        self.aside = folder / f"old{target.suffix}"
        self.scratch = folder / "scratch"
        self.ledger = Ledger(folder / "ledger")
        self.facts = facts or {}
        self.plans: dict[str, Plan] = {}

    def begin(self, plans: Mapping[str, Plan]) -> None:
        """Write down how the work is cut."""
        self.plans = dict(plans)
        self.ledger.begin(self.facts, plans)

    @property
    def kept(self) -> int:
        """Number of finished parts that another run can go on with."""
        # A run that ended between moving the output into place and clearing up left a ledger of work that is published.
        published = self.run == run_of(self.target) or (run_of(self.part) or self.run) != self.run
        return 0 if published or not self.resumable else len(self.ledger)

    def require_same_inputs(self) -> None:
        """Refuse inputs that were written to while they were read part by part."""
        by_parts = any(not plan.whole for plan in self.plans.values())
        if by_parts and (written := changed(self.facts.get("inputs", {}))):
            raise InputError(
                f"'{written[0]}' has changed since the run began, so that parts of the result are of the old data and parts "
                "of the new: wait until it is complete, and start anew"
            )

    def note(self) -> str:
        """What can be done with what is finished."""
        said = f"{self.kept} finished parts are kept: the same call with --resume goes on"
        inputs = self.facts.get("inputs", {})
        if inputs and fingerprint(inputs) != inputs:
            return f"{said} once the inputs are what they were; --overwrite discards the parts"
        return said

    def remove(self) -> None:
        """Remove the folder."""
        self.ledger.close()
        _clear(self.folder, self.target.suffix)


def _clear(folder: Path, suffix: str) -> None:
    """Remove what gridtrend put into a folder, and the folder if nothing else is in it."""
    # Without the ledger nobody goes on with a part of the work; without `run` nobody knows the folder.
    for path in (folder / name for name in ("ledger", f"result{suffix}", f"old{suffix}", "scratch", "run")):
        with contextlib.suppress(OSError):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


@contextlib.contextmanager
def workspace(
    target: Path,
    *,
    facts: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    resumable: bool = True,
) -> Iterator[Workspace]:
    """Work on an output that nobody else works on; leave nothing behind but a Zarr store that can be resumed.

    Parameters
    ----------
    target : Path
        From `check_output`.
    facts : mapping, optional
        What the results depend on: a run with other facts is not resumed.
    resume : bool
        Go on with what an earlier run left.
    overwrite : bool
        Throw away what an earlier run left.
    resumable : bool
        Whether whoever calls can go on with what is left.

    Raises
    ------
    OutputError
        If another run is at work, or an earlier one left work that is neither to be resumed nor thrown away.
    """
    with contextlib.ExitStack() as locks:
        work = _settled(target, facts or {}, locks, resume, overwrite, resumable and target.suffix == ".zarr")
        before = work.kept if resume else 0
        try:
            work.scratch.mkdir(exist_ok=True)
            yield work
        except BaseException as error:
            work.ledger.close()
            # Whoever resumes and comes no further knows that there are parts to go on with.
            if work.kept > before:
                error.add_note(work.note())
            elif not work.kept:
                work.remove()
            raise
        work.remove()


def _settled(
    target: Path, facts: Mapping[str, Any], locks: contextlib.ExitStack, resume: bool, overwrite: bool, resumable: bool
) -> Workspace:
    """A folder to work in, after what earlier runs left has been taken up or cleared away."""
    with _alone_in(target.parent) as alone:
        # Whoever begins announces itself before it looks for others: two that begin at once never both go on.
        made = None if resume else _made(target, resumable, locks, sweep=alone)
        try:
            left = [Workspace(target, folder, facts) for folder in _left(target, locks, made)]
            if resume:
                return _resumed(target, left)
            kept = sum(work.kept for work in left)
            if kept and not overwrite:
                raise OutputError(
                    f"an earlier run left {kept} finished parts of '{target}': go on with "
                    f"{'--resume' if resumable else '`gridtrend trend ... --resume`'}, or discard them with "
                    + either("overwrite=True", "--overwrite")
                )
            for work in left:
                work.remove()
            return Workspace(target, made, facts) if made else _resumed(target, [])
        except BaseException:
            if made:
                _clear(made, target.suffix)
            raise


def _resumed(target: Path, left: list[Workspace]) -> Workspace:
    """The folder with the most work in it, if the results depend on the same as they did then."""
    work = max(left, key=lambda work: work.kept, default=None)
    if work is None or not work.kept:
        for other in left:
            other.remove()
        raise OutputError(f"there is nothing to resume for '{target}': no unfinished run left any part of it")
    work.plans = work.ledger.agree(work.facts)
    for other in left:
        if other is not work:
            other.remove()
    return work


def restore(target: Path) -> None:
    """Move an old output back that a killed run had put aside and not yet replaced."""
    if os.path.lexists(target) or not _folders(target):
        return
    with contextlib.ExitStack() as locks, _alone_in(target.parent):
        for folder in _folders(target):
            aside = Workspace(target, folder).aside
            if not os.path.lexists(target) and aside.exists() and _lock(folder, locks):
                move(aside, target)


def _made(target: Path, resumable: bool, locks: contextlib.ExitStack, *, sweep: bool) -> Path:
    """A new folder, announced and locked."""
    if sweep:
        _sweep(target.parent)
    folder = target.parent / f"{PREFIX}{secrets.token_hex(8)}"
    known = {"run": secrets.token_hex(16), "output": target.name, "resumable": resumable}
    try:
        os.mkdir(folder, 0o700)
        handle = os.open(folder / "run", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        locks.callback(os.close, handle)
        # Where the file system knows no locks, there is none.
        with contextlib.suppress(OSError):
            _locked(handle)
        os.write(handle, json.dumps(known).encode())
    except OSError as error:
        _clear(folder, target.suffix)
        raise OutputError(f"cannot write '{target}': {os.strerror(error.errno or 0).lower()}") from error
    except BaseException:
        _clear(folder, target.suffix)
        raise
    return folder


def _left(target: Path, locks: contextlib.ExitStack, made: Path | None) -> list[Path]:
    """Folders of runs on this output that have ended, locked; another run that has not ended is an error."""
    folders = []
    for folder in _folders(target):
        if folder == made:
            continue
        if not _lock(folder, locks):
            raise OutputError(f"another run is writing '{target}': wait until it has ended, or choose another output")
        # A run that ended in between has removed its folder.
        if (folder / "run").exists():
            folders.append(folder)
    return folders


def _folders(target: Path) -> list[Path]:
    """Folders of runs on this output."""
    found = [Path(entry.path) for entry in _hidden(target.parent)]
    return sorted(folder for folder in found if read_json(folder / "run").get("output") == target.name)


def _hidden(parent: Path) -> Iterator["os.DirEntry[str]"]:
    """Everything that looks like a folder of a run of this user; links and what belongs to others is left alone."""
    owner = None
    # A folder may be written to and not be listed.
    with contextlib.suppress(PermissionError):
        for entry in entries(parent):
            with contextlib.suppress(FileNotFoundError):
                if NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    owner = owner_in(parent) if owner is None else owner
                    if entry.stat(follow_symlinks=False).st_uid == owner:
                        yield entry


def _sweep(parent: Path) -> None:
    """Remove folders of runs that were killed before they had announced themselves: at most an empty file is in them."""
    for entry in _hidden(parent):
        run = Path(entry.path, "run")
        with contextlib.suppress(OSError):
            if run.is_file() and not run.is_symlink() and not run.stat().st_size and os.listdir(entry.path) == ["run"]:
                run.unlink()
            os.rmdir(entry.path)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Let runs in one folder begin one after the other; False where the file system cannot."""
    with contextlib.ExitStack() as stack:
        alone = False
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, handle)
            deadline = time.monotonic() + PATIENCE
            while not (alone := _locked(handle)) and time.monotonic() < deadline:
                time.sleep(0.01)
        yield alone


def _lock(folder: Path, locks: contextlib.ExitStack) -> bool:
    """Lock the folder of a run that has ended; the system lets go of a lock when its process ends, however it does."""
    try:
        handle = os.open(folder / "run", os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    locks.callback(os.close, handle)
    with contextlib.suppress(OSError):
        return _locked(handle)
    return False


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
