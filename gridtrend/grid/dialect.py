"""Messages in the reader's terms: arguments for Python, options for the command line.

Code that refuses an argument does not know whether it came from Python or from the command line. It writes its message with
the functions below. The command line sets one switch for its process; without it, messages are for Python.
"""

import contextlib
import unicodedata
from collections.abc import Iterator
from typing import Any

# A global and not a context variable: some checks run in threads of dask, which do not inherit context variables.
_on_command_line = False
# Unicode categories that can steer a terminal: control, format, surrogate, line and paragraph separator.
STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


@contextlib.contextmanager
def command_line() -> Iterator[None]:
    """Write messages about options instead of arguments, in all threads, inside this context."""
    global _on_command_line
    before, _on_command_line = _on_command_line, True
    try:
        yield
    finally:
        _on_command_line = before


def either(python: str, command: str) -> str:
    """The text for Python, or that for the command line.

    Examples
    --------
    >>> either("drop it with da.drop_vars('time')", "use --per step")
    "drop it with da.drop_vars('time')"
    >>> with command_line():
    ...     either("drop it with da.drop_vars('time')", "use --per step")
    'use --per step'
    """
    return command if _on_command_line else python


def given(name: str, value: Any, *, option: str | None = None) -> str:
    """An argument with its value, as it is written in a call.

    Parameters
    ----------
    name : str
        Name of the argument in Python.
    value : object
        Sequences are written with colons on the command line.
    option : str, optional
        Name of the option, if it differs from the argument's.

    Examples
    --------
    >>> given("per", "decade"), given("taper", ("tukey", 0.25))
    ("per='decade'", "taper=('tukey', 0.25)")
    >>> with command_line():
    ...     given("per", "decade"), given("taper", ("tukey", 0.25)), given("period", ("2Y", "7Y"), option="band")
    ('--per decade', '--taper tukey:0.25', '--band 2Y:7Y')
    """
    if not _on_command_line:
        return f"{name}={value!r}"
    written = ":".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    # On the command line, None is written "none".
    written = "none" if value is None else written
    return f"--{(option or name).replace('_', '-')} {written}"


def printable(text: object) -> str:
    r"""Text from files and arguments, with everything that would steer a terminal written as an escape.

    Examples
    --------
    >>> printable("K\x1b[2J\n")
    'K\\x1b[2J\\x0a'
    """
    return "".join(_escaped(c) if unicodedata.category(c) in STEERING else c for c in str(text))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted(error: Exception) -> str:
    r"""The first line of another library's message, which may repeat any text that it was given.

    Examples
    --------
    >>> quoted(ValueError("no window 'hann\x1b'.\n See the manual"))
    "no window 'hann\\x1b'"
    """
    return printable(next(iter(str(error).splitlines()), "").rstrip("."))
