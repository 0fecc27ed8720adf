"""Warnings that point to the line of the user's code that called the package."""

import inspect
import warnings


def warn_caller(message: str | Warning) -> None:
    """Warn at the line that called the package.

    Parameters
    ----------
    message : str or Warning
        Text becomes a UserWarning.
    """
    frame, level = inspect.currentframe(), 1
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "gridtrend":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
