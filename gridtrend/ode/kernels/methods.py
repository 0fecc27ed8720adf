"""The methods by name, and how each becomes a loop over cells for one right-hand side."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gridtrend.engine.jit import lane
from gridtrend.ode.kernels import adaptive, linear, lockstep, rosenbrock, steps, tableaus
from gridtrend.ode.kernels.events import Rows, rows_needed, watch
from gridtrend.ode.kernels.field import define, joined, with_velocities


@dataclass(frozen=True)
class Parts:
    """What a loop is made from: the field, its derivatives, and the numbers of states, of parameters and in `q`."""

    form: str
    field: Any
    jacobian: Any
    time_slope: Any
    n: int
    parameters: int
    nq: int
    watched: tuple[int, ...]

    def events(self, within: Any, parts: int) -> Callable[[int, int, int], tuple[Any, Any, bool, int]]:
        """What makes the functions that look for crossings, from a method's shorter step and the parts of a step."""
        rate = self.field
        if self.form == "acceleration" and self.watched:
            rate = with_velocities(self.field, self.n)

        def make(nk: int, first_q: int, before: int) -> tuple[Any, Any, bool, int]:
            level = first_q + self.parameters - len(self.watched)
            place = Rows(self.watched, self.n, nk, self.nq, first_q, level, before)
            return *watch(rate, within, parts, place), bool(self.watched), rows_needed(self.n, nk, len(self.watched))

        return make


@dataclass(frozen=True)
class Method:
    """A way to integrate.

    Parameters
    ----------
    order : int
        Its order of convergence.
    adaptive : bool
        Whether it needs no step from the user.
    build : callable
        Makes the loop over cells from `Parts`.
    needs_jacobian : bool
        Whether it uses derivatives of the right-hand side.
    takes_acceleration : bool
        Whether an acceleration is its field, which for all others gives rates of change of positions and velocities.
    """

    order: int
    adaptive: bool
    build: Callable[[Parts], Any]
    needs_jacobian: bool = False
    takes_acceleration: bool = False


def _parts_of_a_step(order: int) -> int:
    """In how many parts a step is searched for events: the higher the order, the more a state may turn within it."""
    return 1 if order < 4 else order // 2


def _memoryless(parts: Parts) -> Any:
    return define(f"def start(t, y, q):\n    return ({joined(['0.0'] * parts.n)})\n")


def _shorter(step: Any, tolerances: str = "") -> Any:
    """The state after one step of any length."""
    return define(f"def within(t, y, k, q, h, end):\n    return step(t, y, k, q, h, end{tolerances})[0]\n", step=step)


def _explicit(tableau: tableaus.Tableau) -> Callable[[Parts], Any]:
    def build(parts: Parts) -> Any:
        step = steps.runge_kutta(parts.field, tableau)
        advance = lockstep.explicit(step, parts.n, parts.n, parts.nq)
        events = parts.events(_shorter(step), _parts_of_a_step(tableau.order))
        return lockstep.loop(_memoryless(parts), advance, events, parts.n, parts.n, parts.nq, parts.parameters)

    return build


def _verlet(parts: Parts) -> Any:
    half = parts.n // 2
    acceleration = parts.field
    if parts.form != "acceleration":
        zeros, last = joined(["0.0"] * half), joined([f"rate[{i}]" for i in range(half, parts.n)])
        source = f"def acceleration(t, x, q):\n    rate = field(t, x + ({zeros}), q)\n    return ({last})\n"
        acceleration = define(source, field=parts.field)
    step, start = steps.velocity_verlet(acceleration, half)
    advance = lockstep.explicit(step, parts.n, half, parts.nq)
    events = parts.events(_shorter(step), 1)
    return lockstep.loop(start, advance, events, parts.n, half, parts.nq, parts.parameters)


def _implicit(theta: float) -> Callable[[Parts], Any]:
    def build(parts: Parts) -> Any:
        advance = lockstep.implicit(parts.field, parts.jacobian, theta, parts.n, parts.nq)
        events = parts.events(lockstep.implicit_within(parts.field, parts.jacobian, theta), 1)
        return lockstep.loop(_memoryless(parts), advance, events, parts.n, parts.n, parts.nq, parts.parameters)

    return build


def _own_step(parts: Parts, step: Any, start: Any, order: int) -> Any:
    events = parts.events(_shorter(step, ", 1.0, 1.0"), _parts_of_a_step(order))
    advance = adaptive.attempt(step, 1.0 / order, parts.n, parts.n, parts.nq)
    guess = adaptive.first_length(parts.field, order, parts.n, parts.n, parts.nq)
    return adaptive.loop(start, advance, guess, events, parts.n, parts.n, parts.nq, parts.parameters)


def _embedded(tableau: tableaus.Tableau) -> Callable[[Parts], Any]:
    def build(parts: Parts) -> Any:
        field = parts.field

        @lane
        def start(t, y, q):  # type: ignore[no-untyped-def]
            return field(t, y, q)

        return _own_step(parts, steps.runge_kutta(field, tableau), start, tableau.error_order)

    return build


def _rosenbrock(parts: Parts) -> Any:
    step = rosenbrock.rodas4(parts.field, parts.jacobian, parts.time_slope)
    return _own_step(parts, step, _memoryless(parts), 4)


def _linear(parts: Parts) -> Any:
    return linear.loop(parts.field, parts.jacobian, parts.n, parts.nq, parts.parameters)


METHODS = {
    "explicit_euler": Method(1, False, _explicit(tableaus.EXPLICIT_EULER)),
    "implicit_euler": Method(1, False, _implicit(1.0), needs_jacobian=True),
    "implicit_midpoint": Method(2, False, _implicit(0.5), needs_jacobian=True),
    "velocity_verlet": Method(2, False, _verlet, takes_acceleration=True),
    "rk4": Method(4, False, _explicit(tableaus.RK4)),
    "dopri5": Method(5, True, _embedded(tableaus.DOPRI5)),
    "dop853": Method(8, True, _embedded(tableaus.DOP853)),
    "rosenbrock": Method(4, True, _rosenbrock, needs_jacobian=True),
    # Of order infinity, and free to choose its steps: there is none but the segments.
    "linear": Method(0, True, _linear, needs_jacobian=True),
}
