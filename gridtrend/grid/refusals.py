"""Refusals that say the way out twice: as a call in Python, and as an option of the command line."""


class Refusal(ValueError):
    """What was found is not usable.

    Parameters
    ----------
    problem : str
        What was found, and why it is no good; a sentence, or "" where the others say it themselves.
    python : str
        The call that mends it.
    command_line : str
        What to do on the command line.
    """

    def __init__(self, problem: str, python: str, command_line: str):
        super().__init__(f"{problem} {python}".strip())
        self.problem = problem
        self.command_line = f"{problem} {command_line}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), str(self), self.problem, self.command_line)


class WrongKind(Refusal, TypeError):
    """Values of a kind that cannot be used at all."""


def _restored(kind: type[Refusal], message: str, problem: str, command_line: str) -> Refusal:
    error = kind.__new__(kind)
    error.args = (message,)
    error.problem, error.command_line = problem, command_line
    return error
