"""Refusals that say the way out: as a call in Python, as an option to those on the command line."""

from gridtrend.grid.dialect import either


class Refusal(ValueError):
    """What was found is not usable.

    Parameters
    ----------
    problem : str
        What was found, and why it is no good; a sentence.
    python : str
        The call that mends it.
    command_line : str
        What to do on the command line.
    """

    def __init__(self, problem: str, python: str, command_line: str):
        super().__init__(f"{problem} {either(python, command_line)}".strip())
        self.problem = problem

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), str(self), self.problem)


class WrongKind(Refusal, TypeError):
    """Values of a kind that cannot be used at all."""


def _restored(kind: type[Refusal], message: str, problem: str) -> Refusal:
    """An error that comes from another process has its message already."""
    error = kind.__new__(kind)
    error.args = (message,)
    error.problem = problem
    return error
