"""What goes wrong with files: each message says what was found, why that is wrong and what to do."""


class InputError(ValueError):
    """The input cannot be read, or does not hold what was asked for."""


class OutputError(OSError):
    """The output cannot be written."""


class RunError(OSError):
    """What runs the tasks, a cluster above all, has failed."""
