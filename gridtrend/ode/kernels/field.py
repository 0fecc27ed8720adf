"""The right-hand side and its Jacobian in the form that methods call: `field(t, y, q)`, for one cell.

Where a user's function raises an exception, for example for an index out of range, the field is NaN.

`y` and the result are tuples with one number for each state. `q` holds the parameters, the levels of events (which the function
does not see), then the forcing at the start of the current segment, its rates of change, and the time where the segment starts.
The user's function receives parameters and forcing at time `t` together as `p`, a named tuple: `p.g_over_l` equals `p[0]`.
"""

from collections import namedtuple
from typing import Any

from gridtrend.engine.jit import lane
from gridtrend.ode.dual_numbers import dual
from gridtrend.ode.kernels.state_tuples import or_missing, stack_array, uniform


def define(source: str, **names: Any) -> Any:
    """Compile the function that `source` defines, as part of a loop over cells."""
    exec(source, names)  # noqa: S102
    name = source.split("(")[0].removeprefix("def ")
    return lane(names[name])


def record(name: str, fields: tuple[str, ...]) -> Any:
    """A named tuple; a field whose name is no identifier is named by its position."""
    return namedtuple(name, fields, rename=True)  # type: ignore[misc]


def joined(items: list[str]) -> str:
    """Items as the inside of a tuple."""
    return "".join(f"{item}, " for item in items)


def arguments(parameters: tuple[str, ...], forcing: int, levels: int) -> str:
    """The expression for `p`, in terms of `q` and `t`."""
    if not parameters:
        return "()"
    constant = len(parameters) - forcing
    first = constant + levels
    items = [f"q[{i}]" for i in range(constant)]
    items += [f"q[{first + i}] + q[{first + forcing + i}] * (t - q[{first + 2 * forcing}])" for i in range(forcing)]
    return f"P({joined(items)})"


def field(
    rhs: Any, states: tuple[str, ...], parameters: tuple[str, ...], forcing: int, levels: int, in_place: bool
) -> Any:
    """`rhs`, ready to be compiled, as a function of t, y and q; the last `forcing` parameters are forcing."""
    n = len(states)
    call = arguments(parameters, forcing, levels)
    names = {"rhs": rhs, "Y": record("y", states), "P": record("p", parameters)}
    names |= {"uniform": uniform, "stack_array": stack_array}
    if in_place:
        lines = ["def rates(t, y, q):", f"    state, dy = stack_array(y[0], {n}), stack_array(y[0], {n})"]
        lines += [f"    state[{i}], dy[{i}] = y[{i}], 0.0" for i in range(n)]
        lines += [f"    rhs(t, state, {call}, dy)", f"    return ({joined([f'dy[{i}]' for i in range(n)])})"]
    else:
        y = joined([f"y[{i}]" for i in range(n)])
        lines = ["def rates(t, y, q):", f"    return uniform(rhs(t, Y({y}), {call}), y[0], {n})"]
    return _or_missing("field", define("\n".join(lines), **names))


def _or_missing(name: str, function: Any) -> Any:
    """A function of t, y and q that is NaN where `function` raises an exception."""
    source = f"def {name}(t, y, q):\n    return or_missing(function, t, y, q)\n"
    return define(source, function=function, or_missing=or_missing)


def jacobian(field: Any, n: int) -> Any:
    """The derivatives of a field with respect to y, row after row, from one evaluation with duals for each column."""
    lines = ["def jacobian(t, y, q):"]
    for column in range(n):
        y = joined([f"dual(y[{i}], {float(i == column)})" for i in range(n)])
        lines.append(f"    c{column} = field(t, ({y}), q)")
    entries = [f"c{column}[{row}].slope" for row in range(n) for column in range(n)]
    lines.append(f"    return ({joined(entries)})")
    return define("\n".join(lines), field=field, dual=dual)


def given_jacobian(
    function: Any, states: tuple[str, ...], parameters: tuple[str, ...], forcing: int, levels: int
) -> Any:
    """A Jacobian that the user gives as a tuple of rows, as a function of t, y and q."""
    n = len(states)
    y = joined([f"y[{i}]" for i in range(n)])
    rows = joined([f"rows[{i}][{j}]" for i in range(n) for j in range(n)])
    source = f"def rates(t, y, q):\n    rows = given(t, Y({y}), {arguments(parameters, forcing, levels)})\n"
    source += f"    return uniform(({rows}), y[0], {n * n})\n"
    names = {"given": function, "Y": record("y", states), "P": record("p", parameters), "uniform": uniform}
    return _or_missing("jacobian", define(source, **names))


def time_slope(field: Any, n: int) -> Any:
    """The partial derivative of a field with respect to t."""
    y = joined([f"dual(y[{i}], 0.0)" for i in range(n)])
    result = joined([f"rate[{i}].slope" for i in range(n)])
    source = f"def time_slope(t, y, q):\n    rate = field(dual(t, 1.0), ({y}), q)\n    return ({result})\n"
    return define(source, field=field, dual=dual)


def with_velocities(acceleration: Any, n: int) -> Any:
    """Rates of change of positions and velocities, from accelerations."""
    half = n // 2
    x, v = (joined([f"y[{i}]" for i in part]) for part in (range(half), range(half, n)))
    source = f"def rate(t, y, q):\n    return ({v}) + acceleration(t, ({x}), q)\n"
    return define(source, acceleration=acceleration)
