"""Runs of the command line in this process: refused, interrupted, compared."""

import contextlib
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gridtrend import io
from gridtrend.cli.commands import cli
from gridtrend.io import ledger

TILES = ("--chunks", "lat=1", "--rechunk", "passes")


def run(*arguments):
    """Run a command in this process; return its exit code and what it said."""
    outcome = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert "Traceback" not in outcome.output
    return outcome.exit_code, outcome.output


def refused(*arguments):
    """Run a command that must end with one line; return that."""
    code, said = run(*arguments)
    assert code == 1, said
    assert said.startswith("gridtrend: error: ")
    assert said.count("\n") == 1
    return said


def succeeds(*arguments):
    code, said = run(*arguments)
    assert code == 0, said
    return said


def everything(folder):
    """Return what is in a folder: kinds, owners, contents, links, inodes."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        status = path.lstat()
        content = (
            path.read_bytes() if stat.S_ISREG(status.st_mode) else os.readlink(path) if path.is_symlink() else None
        )
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_ino, content)
    return found


@contextlib.contextmanager
def interruption(regions_done):
    """Interrupt the run as soon as so many regions are done."""
    real = ledger.Ledger.enter

    def enter(self, name, index):
        real(self, name, index)
        if len(self) >= regions_done:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.Ledger, "enter", enter)
        yield


def interrupt(*arguments, regions_done=3):
    """Start a run that is interrupted; return what it says."""
    with interruption(regions_done):
        return refused("trend", *arguments)


def hidden(room):
    (folder,) = room.glob(".gridtrend-*")
    return folder


def same(path, expected):
    with io.open_input([path]) as found, io.open_input([expected]) as undisturbed:
        assert set(found.variables) == set(undisturbed.variables)
        for name in undisturbed.variables:
            np.testing.assert_array_equal(found[name].values, undisturbed[name].values, name)
            assert found[name].attrs == undisturbed[name].attrs
    return True
