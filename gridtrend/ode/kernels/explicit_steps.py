"""One step of each explicit method for one cell: `step(t, y, k, q, h, end)` gives the new state and the new memory.

Times are limited to `end`, the end of the segment: `t + h` can exceed it by a rounding error, and a right-hand side may have no
value there.

The memory `k` is reused in the next step: the slope (dopri5, dop853) or the acceleration (Verlet) at the end of the step.
`start(t, y, q)` gives its first value.
"""

from typing import Any

from gridtrend.engine.jit import lane
from gridtrend.ode.kernels.field import define, joined
from gridtrend.ode.kernels.state_tuples import along, error_norm
from gridtrend.ode.kernels.tableaus import Row, Tableau


def _sum(row: Row, start: str = "y") -> str:
    slopes = joined([f"k{stage}" for stage in row])
    return f"along({start}, h, ({joined([repr(weight) for weight in row.values()])}), ({slopes}))"


def runge_kutta(field: Any, tableau: Tableau) -> Any:
    """The step of a method given by its tableau.

    A method with error estimates also takes the tolerances, and returns the error in units of the tolerance.
    """
    adaptive = bool(tableau.errors)
    lines = [f"def step(t, y, k1, q, h, end{', rtol, atol' if adaptive else ''}):"]
    lines += [] if adaptive else ["    memory = k1", "    k1 = field(t, y, q)"]
    for number, (node, row) in enumerate(zip(tableau.nodes, tableau.stages, strict=True), 2):
        time = "min(t + h, end)" if node == 1.0 else f"t + {node!r} * h"
        lines.append(f"    k{number} = field({time}, {_sum(row)}, q)")
    lines.append(f"    y1 = {_sum(tableau.weights)}")
    if adaptive:
        last = f"k{len(tableau.nodes) + 2}"
        lines.append(f"    {last} = field(min(t + h, end), y1, q)")
        lines.append("    zero = along(y, -1.0, (1.0,), (y,))")
        errors = joined([_sum(row, "zero") for row in tableau.errors])
        lines.append(f"    return y1, {last}, error_norm(y, y1, ({errors}), rtol, atol)")
    else:
        lines.append("    return y1, memory")
    return define("\n".join(lines), field=field, along=along, error_norm=error_norm)


def velocity_verlet(acceleration: Any, half: int) -> tuple[Any, Any]:
    """The step and the start of velocity-Verlet (kick, drift, kick); memory is the acceleration."""

    @lane
    def step(t, y, k, q, h, end):  # type: ignore[no-untyped-def]
        velocity = along(y[half:], h, (0.5,), (k,))
        position = along(y[:half], h, (1.0,), (velocity,))
        k = acceleration(min(t + h, end), position, q)
        return position + along(velocity, h, (0.5,), (k,)), k

    @lane
    def start(t, y, q):  # type: ignore[no-untyped-def]
        return acceleration(t, y[:half], q)

    return step, start
