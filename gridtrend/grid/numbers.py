"""What counts as a number among arguments, whoever's type it is of."""

from typing import Any

import numpy as np

# The largest whole number that compiled code and files hold.
LARGEST_WHOLE = 2**63 - 1


def is_number(value: Any) -> bool:
    """Whether this is one real number; truth values and durations, which are whole numbers to NumPy, are none.

    Examples
    --------
    >>> [is_number(value) for value in (2, np.float32(0.5), True, "2", 1j, np.timedelta64(3, "D"), np.ones(1))]
    [True, True, False, False, False, False, False]
    """
    kinds = int | float | np.integer | np.floating
    return isinstance(value, kinds) and not isinstance(value, bool | np.timedelta64)


def is_whole(value: Any, least: float, most: int = LARGEST_WHOLE) -> bool:
    """Whether this is a whole number from `least` to `most`.

    Examples
    --------
    >>> [is_whole(value, 1) for value in (1, 3.0, 0, 2.5, float("nan"), 10**30)]
    [True, True, False, False, False, False]
    """
    return is_number(value) and bool(least <= value <= most) and value == int(value)


def check_seed(seed: Any) -> int:
    """A seed of random numbers."""
    if not is_whole(seed, 0):
        raise ValueError(f"seed={seed!r} is not a seed; give a whole number from 0 to 2**63 - 1.")
    return int(seed)


def check_flag(name: str, value: Any) -> bool:
    """An option that is on or off; the word 'False' is neither."""
    if isinstance(value, bool | np.bool_) or is_whole(value, 0, 1):
        return bool(value)
    raise ValueError(f"{name}={value!r} is neither True nor False.")
