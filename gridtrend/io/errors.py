"""What goes wrong with files: each message says what was found, why that is wrong and what to do."""

import contextlib
import os
from collections.abc import Iterator


class InputError(ValueError):
    """The input cannot be read, or does not hold what was asked for."""


class OutputError(OSError):
    """The output cannot be written."""


class RunError(OSError):
    """What runs the tasks, a cluster above all, has failed."""


class StorageError(OSError):
    """The disk or the library that writes to it has refused a part of a result; the message is the bare reason."""


@contextlib.contextmanager
def storing() -> Iterator[None]:
    """Tell what goes wrong in storing from what goes wrong in the computation that makes the values."""
    try:
        yield
    except (StorageError, OutputError):
        raise
    # The netCDF library raises RuntimeError when a disk is full.
    except (OSError, RuntimeError) as error:
        code = getattr(error, "errno", None) or 0
        # Numbers below 0 are those of the netCDF library.
        reason = os.strerror(code).lower() if code > 0 else str(error)
        raise StorageError(reason) from error
