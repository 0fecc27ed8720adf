"""What a run has finished, kept beside its output so that another run can go on."""

import contextlib
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from gridtrend.io.errors import OutputError, storing
from gridtrend.io.exchange import sync
from gridtrend.io.plan import Plan

# Waiting for the disk may take a share of the time of a run, and happens no more often than this.
SYNC_SHARE, SYNC_SECONDS = 0.02, 5.0


class Ledger:
    """Finished regions, one line each: a line is there when its region is, however the run ends.

    Every line carries a checksum: what was cut short or damaged counts as not written. A killed process loses nothing that
    it wrote, but a machine that loses power does: lines of an earlier start of the machine are believed only where a
    later line says that the disk had everything.

    Parameters
    ----------
    path : Path
        The file. It holds what the results depend on, how the work is cut, and what is finished.
    """

    def __init__(self, path: Path):
        self.path = path
        self.header: dict[str, Any] = {}
        self._finished: dict[str, set[tuple[int, ...]]]
        self._file: IO[str] | None = None
        self._next_sync = time.monotonic() + SYNC_SECONDS
        self._load()

    def _load(self) -> None:
        self._finished = {}
        uncertain: list[tuple[str, tuple[int, ...]]] = []
        boot = ""
        for entry in _lines(self.path):
            match entry:
                case {"plans": dict()}:
                    self.header = entry
                case {"boot": now}:
                    # What an earlier start of the machine left unsure is done again, and noted again.
                    uncertain = uncertain if now and now == boot else []
                    boot = now
                case {"synced": True}:
                    self._believe(uncertain)
                case [str() as name, *index] if all(isinstance(k, int) for k in index):
                    uncertain.append((name, tuple(index)))
                    if boot and boot == boot_id():
                        self._believe(uncertain[-1:])

    def _believe(self, regions: list[tuple[str, tuple[int, ...]]]) -> None:
        for name, index in regions:
            self._finished.setdefault(name, set()).add(index)

    def begin(self, facts: Mapping[str, Any], plans: Mapping[str, Plan]) -> None:
        """Write down what the results depend on, and how the work is cut."""
        self.header = {**_plain(facts), "plans": {name: asdict(plan) for name, plan in plans.items()}}
        self._line(self.header)

    def agree(self, facts: Mapping[str, Any]) -> dict[str, Plan]:
        """The plans of the run that is resumed, if the results depend on the same as they did then."""
        if facts and not self.header:
            raise OutputError(
                "cannot resume: what the interrupted run noted of its options and inputs is damaged. Start anew with --overwrite"
            )
        for key, now in _plain(facts).items():
            if (then := self.header.get(key)) != now:
                raise OutputError(
                    f"cannot resume: {key} changed since the run that was interrupted ({_difference(then, now)}). Finished "
                    "parts would not fit the others: start anew with --overwrite, or go back to what it was"
                )
        return {name: Plan(**plan) for name, plan in self.header.get("plans", {}).items()}

    def finished(self, name: str) -> set[tuple[int, ...]]:
        """Regions of one stage that need not be done again."""
        return set(self._finished.get(name, ()))

    def __len__(self) -> int:
        return sum(index != () for done in self._finished.values() for index in done)

    def enter(self, name: str, index: tuple[int, ...]) -> None:
        """Note that a region is finished."""
        self._line([name, *map(int, index)])
        self._finished.setdefault(name, set()).add(index)
        if time.monotonic() >= self._next_sync:
            self._sync()

    def _sync(self) -> None:
        started = time.monotonic()
        sync(self.path.parent)
        self._line({"synced": True})
        ended = time.monotonic()
        self._next_sync = ended + max(SYNC_SECONDS, (ended - started) / SYNC_SHARE)

    def _line(self, content: Any) -> None:
        with storing():
            if self._file is None:
                self._file = self.path.open("a", encoding="utf-8")
                # Whatever was cut short ends here.
                self._file.write("\n" if self.path.stat().st_size else "")
                self._file.write(_checked({"boot": boot_id()}))
            self._file.write(_checked(content))
            self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            # A line that a full disk did not take is not taken now either; its region is done again.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            # An interrupt may have come between a line and the note of it: what the file says counts.
            self._load()


def _checked(content: Any) -> str:
    text = json.dumps(content)
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


def _lines(path: Path) -> list[Any]:
    """What the undamaged lines of a file say."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    checked = (line.partition(b" ") for line in lines)
    return [json.loads(text) for found, _, text in checked if found == b"%08x" % zlib.crc32(text)]


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they come back from a file."""
    return dict(json.loads(json.dumps(facts, default=str)))


def _difference(then: Any, now: Any) -> str:
    """What differs, at most three things of it."""
    if not (isinstance(then, dict) and isinstance(now, dict)):
        return f"{then} is now {now}"
    changed = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    return "; ".join(f"{key}: {_difference(then.get(key), now.get(key))}" for key in changed[:3])


def boot_id() -> str:
    """What tells one start of the machine from the next; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
