"""Calls of the user's right-hand side, with error messages in its terms."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gridtrend.bvp.dual_arrays import Array, Dual

RightHandSide = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]

_SIGNATURE = "f is called as f(y, c) with two dicts, states and coefficients by name"


class Named(dict[str, Any]):
    """States or coefficients by name, `y["u"]` or `y.u`; `what` they are is for messages."""

    def __init__(self, what: str, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()):
        super().__init__(values)
        self._what = what

    def __missing__(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise TypeError(
                f"f asks for the {self._what} {name!r}. {_SIGNATURE}: y['u'] or y.u. What scipy.integrate.solve_bvp calls "
                "f(x, y), with states by number, must be rewritten; pass x as a coefficient where it is needed."
            )
        raise ValueError(f"f asks for the {self._what} {name!r}, and there is {', '.join(map(repr, self)) or 'none'}.")

    def __getattr__(self, name: str) -> Any:
        # Copying and pickling ask for attributes that no state has.
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


class _Unknown(Named):
    """States whose names are not known yet: each is a small dual array of ones."""

    def __missing__(self, name: Any) -> Any:
        if not isinstance(name, str):
            return super().__missing__(name)
        self[name] = Dual(np.ones((2, 2)), [1.0])
        return self[name]


def states_of(f: RightHandSide, names: Iterable[str]) -> tuple[str, ...]:
    """The states that f returns derivatives of, found by a call with ones for states and the named coefficients."""
    if not callable(f):
        raise TypeError(f"f is {type(f).__name__}; a function f(y, c) is expected that returns a dict of derivatives.")
    try:
        inspect.signature(f).bind({}, {})
    except TypeError:
        raise TypeError(f"f takes {inspect.signature(f)}, and {_SIGNATURE}.") from None
    except ValueError:
        # Some builtins have no signature; the call itself will raise the error.
        pass
    y = _Unknown("state")
    with np.errstate(all="ignore"):
        found = _called(f, y, Named("coefficient", {name: np.ones((2, 2)) for name in names}))
    check_derivatives(found, None)
    if unknown := [name for name in y if name not in found]:
        raise ValueError(
            f"f uses the state {unknown[0]!r} and returns no derivative of it, only of {', '.join(map(repr, found))}. "
            "Return one for each state; what is given is a coefficient: c[...]."
        )
    return tuple(found)


def derivatives(f: RightHandSide, states: Sequence[str], y: Sequence[Any], c: Mapping[str, Array]) -> Mapping[str, Any]:
    """What f returns for these states and coefficients, checked."""
    found = _called(f, Named("state", zip(states, y, strict=True)), Named("coefficient", c))
    check_derivatives(found, states)
    return dict(found)


def _called(f: RightHandSide, y: Named, c: Named) -> Any:
    try:
        return f(y, c)
    except ValueError as error:
        if "truth value" not in str(error):
            raise
        raise ValueError(
            "f asks whether a state is above or below something in an `if`, `and`, `or`, `min` or `max`; states are arrays "
            "of all nodes and cells, which may differ. Write numpy.where(y['u'] > 0, a, b), numpy.maximum or &."
        ) from None


def check_derivatives(found: Any, states: Sequence[str] | None) -> None:
    """Refuse what is not a dict of derivatives, one for each state where these are known."""
    if not isinstance(found, Mapping) or not found or (states is not None and set(found) != set(states)):
        wanted = f": a dict with {', '.join(map(repr, states))}" if states else ", in a dict"
        kind = "ndarray" if isinstance(found, Dual) else type(found).__name__
        got = ", ".join(map(repr, found)) if isinstance(found, Mapping) and found else kind
        raise ValueError(f"f must return a derivative for each state{wanted}; it returned {got}.")
    for state, value in found.items():
        if not isinstance(state, str):
            raise TypeError(f"f names a state {state!r}; names are strings, such as {{'u': y['v']}}.")
        array = value.value if isinstance(value, Dual) else value
        dtype = np.asarray(array).dtype
        if dtype.kind not in "biuf":
            raise ValueError(f"the derivative of {state!r} that f returned holds {dtype}, and real numbers are needed.")
