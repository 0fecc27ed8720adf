"""Errors that say how to go on: with a call in Python, with an option on the command line."""

from gridtrend.grid.dialect import either


class Refusal(ValueError):
    """Input that cannot be used.

    Parameters
    ----------
    problem : str
        What was found and why it cannot be used, as a sentence.
    python : str
        The call that solves it.
    command_line : str
        What to do on the command line.
    """

    def __init__(self, problem: str, python: str, command_line: str):
        super().__init__(f"{problem} {either(python, command_line)}".strip())
        self.problem = problem

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), str(self), self.problem)


class WrongKind(Refusal, TypeError):
    """Values of a type that cannot be used."""


def _restored(kind: type[Refusal], message: str, problem: str) -> Refusal:
    """Restore an error from another process, which already has its message."""
    error = kind.__new__(kind)
    error.args = (message,)
    error.problem = problem
    return error
