"""Only what nobody else can have written is executed: the rules for folders and files, and kernels under them.

What each layout must give follows from the rules of the system (path_resolution(7), chmod(2)): whether another user could
put a file under the name or change it.
"""

import hashlib
import logging
import os
import pickle
import stat
import sys
from pathlib import Path

import pytest

from gridtrend.engine import cache, trusted
from gridtrend.engine.jit import entry
from gridtrend.engine.kernel import machine_code
from tests.users import STRANGER, as_another_user

pytestmark = pytest.mark.skipif(not trusted.CHECKED, reason="nothing is checked on this system")
as_root = pytest.mark.skipif(not trusted.CHECKED or os.geteuid() != 0, reason="only root can give files to others")


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one file, two levels below one that is free for experiments."""
    folder = tmp_path / "outer" / "folder"
    folder.mkdir(parents=True, mode=0o755)
    (folder / "file").write_bytes(b"content")
    for path in (folder.parent, folder):
        path.chmod(0o755)
    (folder / "file").chmod(0o644)
    return folder


def give(path):
    os.lchown(path, STRANGER, STRANGER)


def a_link_in_place_of(path, target, *, owner=None):
    path.symlink_to(target)
    if owner:
        os.lchown(path, owner, owner)


def moved(path):
    """Move a file or folder out of the way; return where it is."""
    return path.rename(path.with_name(path.name + "_moved"))


SAFE = {
    "as it should be": lambda folder: None,
    "for the user only": lambda folder: (folder.chmod(0o700), (folder / "file").chmod(0o600)),
    "read-only": lambda folder: (folder.chmod(0o555), (folder / "file").chmod(0o444)),
    "below a sticky folder": lambda folder: folder.parent.chmod(0o1777),
    "by a link of the user": lambda folder: a_link_in_place_of(folder, moved(folder)),
    "by a relative link of the user": lambda folder: a_link_in_place_of(folder, "../outer/./" + moved(folder).name),
    "by a link higher up": lambda folder: a_link_in_place_of(folder.parent, moved(folder.parent)),
}


@pytest.mark.parametrize("layout", SAFE)
def test_a_file_that_only_the_user_can_write_is_read(folder, layout):
    SAFE[layout](folder)
    assert trusted.read(folder, "file", trusted.owners()) == b"content"


UNSAFE = {
    "folder for the group": (lambda folder: folder.chmod(0o775), "folder' can be written by the group"),
    "folder for all": (lambda folder: folder.chmod(0o757), "folder' can be written by everybody"),
    "sticky folder for all": (lambda folder: folder.chmod(0o1777), "folder' can be written by everybody"),
    "file for the group": (lambda folder: (folder / "file").chmod(0o664), "file' can be written by the group"),
    "file for all": (lambda folder: (folder / "file").chmod(0o646), "file' can be written by everybody"),
    "outer folder for all": (lambda folder: folder.parent.chmod(0o777), "outer' can be written by everybody"),
    "linked file": (
        lambda folder: a_link_in_place_of(folder / "file", moved(folder / "file")),
        "file' is a symbolic link",
    ),
    "file linked from elsewhere": (
        lambda folder: a_link_in_place_of(folder / "file", (folder / "file").rename(folder.parent / "file")),
        "file' is a symbolic link",
    ),
    "pipe": (lambda folder: (moved(folder / "file"), os.mkfifo(folder / "file")), "file' is not a regular file"),
    "link into a folder for all": (
        lambda folder: (a_link_in_place_of(folder, moved(folder)), folder.resolve().chmod(0o777)),
        "folder_moved' can be written by everybody",
    ),
}
GIVEN = {
    "folder of another": (lambda folder: give(folder), f"folder' belongs to the user {STRANGER}"),
    "file of another": (lambda folder: give(folder / "file"), f"file' belongs to the user {STRANGER}"),
    "outer folder of another": (lambda folder: give(folder.parent), f"outer' belongs to the user {STRANGER}"),
    "outer folder of a group": (
        lambda folder: (os.chown(folder.parent, -1, STRANGER), folder.parent.chmod(0o775)),
        f"outer' can be written by the group {STRANGER}",
    ),
    "link of another in a sticky folder": (
        lambda folder: (
            folder.parent.chmod(0o1777),
            a_link_in_place_of(folder, moved(folder), owner=STRANGER),
        ),
        f"folder' belongs to the user {STRANGER}",
    ),
}


@pytest.mark.parametrize(
    "layout", [*UNSAFE, *(pytest.param(name, marks=as_root) for name in GIVEN)], ids=lambda name: name.replace(" ", "_")
)
def test_a_file_that_another_can_have_written_is_refused_with_the_reason(folder, layout):
    change, reason = (UNSAFE | GIVEN)[layout]
    change(folder)
    with pytest.raises(trusted.Untrusted, match=reason):
        trusted.read(folder, "file", trusted.owners())


@as_root
def test_root_and_owners_that_are_named_are_trusted(folder):
    give(folder)
    give(folder / "file")
    assert trusted.read(folder, "file", frozenset((0, STRANGER))) == b"content"
    with pytest.raises(trusted.Untrusted, match="belongs to the user root"):
        trusted.read(folder, "file", frozenset((STRANGER,)))


def test_the_private_group_of_a_user_is_the_user(folder, monkeypatch):
    # On systems that give each user a group of his own, folders such as ~/.cache may be writable for it.
    me = trusted.pwd.getpwuid(os.geteuid())
    folder.parent.chmod(0o775)
    os.chown(folder.parent, -1, me.pw_gid)

    def group(members, name=me.pw_name):
        return lambda gid: trusted.grp.struct_group((name, "x", gid, members))

    monkeypatch.setattr(trusted.grp, "getgrgid", group([]))
    assert trusted.read(folder, "file", trusted.owners()) == b"content"
    for refused in (group(["another"]), group([], "staff")):
        monkeypatch.setattr(trusted.grp, "getgrgid", refused)
        with pytest.raises(trusted.Untrusted, match="can be written by the group"):
            trusted.read(folder, "file", trusted.owners())


def test_links_in_a_circle_end(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        trusted.read(tmp_path / "a", "file", trusted.owners())


@pytest.mark.parametrize(
    ("umask", "folders", "file"), [(0o022, 0o755, 0o644), (0o002, 0o755, 0o644), (0o077, 0o700, 0o600)]
)
def test_what_is_written_can_be_read_by_others_as_the_umask_says_and_never_written(tmp_path, umask, folders, file):
    before = os.umask(umask)
    try:
        trusted.write(tmp_path / "a" / "b", "file", b"content")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/file")]
    assert modes == [folders, folders, file]
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["file"]


def test_nothing_is_written_where_others_can_write(folder):
    folder.parent.chmod(0o777)
    with pytest.raises(trusted.Untrusted, match="outer' can be written by everybody"):
        trusted.write(folder.parent / "new", "file", b"content")
    assert not (folder.parent / "new").exists()


def test_a_failure_leaves_no_temporary_file(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        trusted.write(folder, "other", b"content")
    assert [path.name for path in folder.iterdir()] == ["file"]


# --- kernels -----------------------------------------------------------------------------------------


def double(x):
    return 2.0 * x


@pytest.fixture
def run(monkeypatch, caplog):
    """Give a function that runs a small kernel as a new process would, and says whether it was compiled."""
    packed = []
    real = cache.MachineCode._packed

    def counted(code, result):
        packed.append(result)
        return real(code, result)

    monkeypatch.setattr(cache.MachineCode, "_packed", counted)
    monkeypatch.delenv("GRIDTREND_SHARED_CACHE", raising=False)

    def run(kept, shared=None):
        monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(kept))
        if shared:
            monkeypatch.setenv("GRIDTREND_SHARED_CACHE", str(shared))
        packed.clear()
        caplog.clear()
        monkeypatch.setattr(cache, "_warned_of", set())
        assert machine_code(entry(double), "float64(float64)", "tests.double")(21.0) == 42.0
        return bool(packed)

    return run


class Planted:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def plant(file, trace):
    # All that can be known without the machine code is right.
    header = file.read_bytes()[32:].partition(b"\n")[0]
    body = header + b"\n" + pickle.dumps(Planted(trace))
    file.write_bytes(hashlib.sha256(file.name.encode() + b"\0" + body).digest() + body)


def test_a_kernel_is_compiled_once(tmp_path, run, caplog):
    assert run(tmp_path / "kept")
    assert not run(tmp_path / "kept")
    assert caplog.messages == []


PLANTED = {
    "file": lambda kept, file: give(file),
    "folder": lambda kept, file: (give(kept), give(file)),
    "folder only": lambda kept, file: give(kept),
    "for all": lambda kept, file: (kept.chmod(0o777), give(file)),
    "file for all": lambda kept, file: file.chmod(0o666),
    "link": lambda kept, file: a_link_in_place_of(file, file.rename(kept.parent / "elsewhere")),
    "link of another": lambda kept, file: a_link_in_place_of(file, file.rename(kept.parent / "x"), owner=STRANGER),
    "outer": lambda kept, file: give(kept.parent),
}


@as_root
@pytest.mark.parametrize("how", PLANTED)
def test_a_planted_file_is_not_executed(tmp_path, run, caplog, how):
    kept, trace = tmp_path / "outer/kept", tmp_path / "trace"
    run(kept)
    (file,) = kept.iterdir()
    plant(file, trace)
    PLANTED[how](kept, file)
    assert run(kept)
    assert not trace.exists()
    (message,) = caplog.messages
    assert message.startswith("compiled kernels are not kept (")
    assert "GRIDTREND_CACHE_DIR" in message


def test_the_planted_file_would_have_been_executed(tmp_path, run):
    # Or the test above proves nothing: in the user's own folder, which no one else can write, it is.
    trace = tmp_path / "trace"
    run(tmp_path / "kept")
    (file,) = (tmp_path / "kept").iterdir()
    plant(file, trace)
    run(tmp_path / "kept")
    assert trace.exists()


def test_the_machine_code_of_another_kernel_is_not_taken_for_this_one(tmp_path, run):
    run(tmp_path / "kept")
    (file,) = (tmp_path / "kept").iterdir()
    machine_code(entry(lambda x: 3.0 * x), "float64(float64)", "tests.triple")
    (other,) = set((tmp_path / "kept").iterdir()) - {file}
    other.rename(file)
    assert run(tmp_path / "kept"), "under a name that is not its own it is damaged"
    assert not run(tmp_path / "kept")


@as_root
def test_a_shared_folder_that_the_user_names_is_read_and_never_written(tmp_path, run, caplog):
    shared, kept = tmp_path / "shared", tmp_path / "kept"
    run(shared)
    (file,) = shared.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644 & ~_umask()
    give(shared)
    give(file)
    assert not run(kept, shared)
    assert not kept.exists()
    assert caplog.messages == []
    # A kernel that it does not hold is kept in the user's own.
    file.unlink()
    assert run(kept, shared)
    assert len(list(kept.iterdir())) == 1
    assert list(shared.iterdir()) == []
    assert not run(kept, shared)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


SHARED = {
    "for the group": (lambda shared, file: shared.chmod(0o775), "can be written by the group"),
    "for all": (lambda shared, file: shared.chmod(0o777), "can be written by everybody"),
    "sticky": (lambda shared, file: shared.chmod(0o1777), "can be written by everybody"),
    "file for all": (lambda shared, file: file.chmod(0o666), "can be written by everybody"),
    "file of a third": (lambda shared, file: os.chown(file, STRANGER + 1, -1), f"the user {STRANGER + 1}"),
    "below a folder for all": (lambda shared, file: shared.parent.chmod(0o777), "outer' can be written by everybody"),
    "a link": (lambda shared, file: a_link_in_place_of(file, moved(file)), "is a symbolic link"),
    "missing": (lambda shared, file: moved(shared), "No such file"),
}


@as_root
@pytest.mark.parametrize("how", SHARED)
def test_a_shared_folder_that_others_than_its_owner_can_write_is_refused(tmp_path, run, caplog, how):
    shared, kept, trace = tmp_path / "outer/shared", tmp_path / "kept", tmp_path / "trace"
    run(shared)
    (file,) = shared.iterdir()
    plant(file, trace)
    give(shared)
    give(file)
    change, reason = SHARED[how]
    change(shared, file)
    assert run(kept, shared)
    assert not trace.exists()
    (message,) = caplog.messages
    assert message.startswith("the folder that GRIDTREND_SHARED_CACHE names is not used (")
    assert reason in message
    assert not run(kept, shared), "the user's own folder is as good as ever"


# --- numba's private ways ----------------------------------------------------------------------------


def test_numba_still_saves_functions_in_the_way_that_is_used_here():
    # These names are private to numba. Where this fails, kernels are compiled anew by every process: mend cache.py.
    import inspect

    from numba.core.compiler import CompileResult
    from numba.core.dispatcher import Dispatcher
    from numba.core.serialize import dumps

    source = inspect.getsource(Dispatcher.compile)
    assert "self._cache.load_overload(sig, self.targetctx)" in source
    assert "self._cache.save_overload(sig, cres)" in source
    assert callable(CompileResult._reduce)
    assert next(iter(inspect.signature(CompileResult._rebuild).parameters)) == "target_context"
    assert callable(dumps)


@pytest.mark.parametrize("name", ["_reduce", "_rebuild"])
def test_a_numba_that_saves_functions_in_another_way_costs_time_only(tmp_path, run, caplog, monkeypatch, name):
    from numba.core.compiler import CompileResult

    run(tmp_path / "kept")
    monkeypatch.delattr(CompileResult, name)
    if name == "_reduce":
        (file,) = (tmp_path / "kept").iterdir()
        file.unlink()
    assert run(tmp_path / "kept")
    (message,) = caplog.messages
    assert message.startswith("compiled kernels are not kept: numba ")


# --- no place to keep anything -----------------------------------------------------------------------


@pytest.mark.parametrize("value", ["cache", "./cache", "~nobody-of-this-name/cache"])
def test_a_relative_folder_is_refused(tmp_path, run, caplog, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    assert run(value)
    assert list(tmp_path.iterdir()) == []
    (message,) = caplog.messages
    assert f"GRIDTREND_CACHE_DIR must be an absolute path, not '{value}'" in message


def test_the_home_is_expanded(tmp_path, run, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert run("~/kept")
    assert len(list((tmp_path / "home" / "kept").iterdir())) == 1
    assert not Path("~").exists()
    assert not run(tmp_path / "other", "~/kept")


def test_a_full_disk_costs_time_only(tmp_path, run, caplog, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert run(tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    (message,) = caplog.messages
    assert "No space left on device" in message


@as_root
def test_a_user_without_a_home_computes(tmp_path):
    code = (
        "import os; assert os.path.expanduser('~') == '~'\n"
        "from gridtrend.engine.jit import entry\nfrom gridtrend.engine.kernel import machine_code\n"
        "from tests.test_trusted import double\n"
        "for _ in range(2): print(machine_code(entry(double), 'float64(float64)', 'tests.double')(21.0))\n"
    )
    ran = as_another_user(sys.executable, "-W", "error", "-c", code, cwd=Path(__file__).parents[1])
    assert (ran.returncode, ran.stdout) == (0, "42.0\n42.0\n"), ran.stderr
    assert ran.stderr.startswith("compiled kernels are not kept (there is no home folder")
    assert ran.stderr.count("\n") == 1


def test_the_command_line_says_it_as_a_note(capsys):
    from gridtrend.cli.terminal import notes

    with notes(quiet=False):
        logging.getLogger("gridtrend.engine.cache").warning("compiled kernels are not kept (%s)", "why")
    with notes(quiet=True):
        logging.getLogger("gridtrend.engine.cache").warning("compiled kernels are not kept (%s)", "why")
    assert capsys.readouterr().err == "gridtrend: note: compiled kernels are not kept (why)\n"
