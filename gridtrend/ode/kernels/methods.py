"""The methods by name; each builds a loop over cells for one right-hand side."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gridtrend.engine.jit import lane
from gridtrend.ode.kernels import adaptive, explicit_steps, exponential, fixed_steps, rosenbrock, tableaus
from gridtrend.ode.kernels.events import Rows, rows_needed, watch
from gridtrend.ode.kernels.field import define, joined, with_velocities


@dataclass(frozen=True)
class Parts:
    """The field and its derivatives, and the numbers of states, of parameters and of elements of `q`."""

    form: str
    field: Any
    jacobian: Any
    time_slope: Any
    n: int
    parameters: int
    nq: int
    watched: tuple[int, ...]

    def events(self, within: Any, parts: int) -> Callable[[int, int, int], tuple[Any, Any, bool, int]]:
        """A function that makes those that search for crossings, from a method's shorter step and the parts of a step."""
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
        Whether its field is an acceleration; for all others it is the rates of change of positions and velocities.
    """

    order: int
    adaptive: bool
    build: Callable[[Parts], Any]
    needs_jacobian: bool = False
    takes_acceleration: bool = False


def _parts_of_a_step(order: int) -> int:
    """In how many parts a step is searched for events: steps of higher order are longer, and a state may turn more often."""
    return 1 if order < 4 else order // 2


def _memoryless(parts: Parts) -> Any:
    return define(f"def start(t, y, q):\n    return ({joined(['0.0'] * parts.n)})\n")


def _shorter(step: Any, tolerances: str = "") -> Any:
    """The state after one step of any length."""
    return define(f"def within(t, y, k, q, h, end):\n    return step(t, y, k, q, h, end{tolerances})[0]\n", step=step)


def _explicit(tableau: tableaus.Tableau) -> Callable[[Parts], Any]:
    def build(parts: Parts) -> Any:
        step = explicit_steps.runge_kutta(parts.field, tableau)
        advance = fixed_steps.explicit(step, parts.n, parts.n, parts.nq)
        events = parts.events(_shorter(step), _parts_of_a_step(tableau.order))
        return fixed_steps.loop(_memoryless(parts), advance, events, parts.n, parts.n, parts.nq, parts.parameters)

    return build


def _verlet(parts: Parts) -> Any:
    half = parts.n // 2
    acceleration = parts.field
    if parts.form != "acceleration":
        zeros, last = joined(["0.0"] * half), joined([f"rate[{i}]" for i in range(half, parts.n)])
        source = f"def acceleration(t, x, q):\n    rate = field(t, x + ({zeros}), q)\n    return ({last})\n"
        acceleration = define(source, field=parts.field)
    step, start = explicit_steps.velocity_verlet(acceleration, half)
    advance = fixed_steps.explicit(step, parts.n, half, parts.nq)
    events = parts.events(_shorter(step), 1)
    return fixed_steps.loop(start, advance, events, parts.n, half, parts.nq, parts.parameters)


def _implicit(theta: float) -> Callable[[Parts], Any]:
    def build(parts: Parts) -> Any:
        advance = fixed_steps.implicit(parts.field, parts.jacobian, theta, parts.n, parts.nq)
        events = parts.events(fixed_steps.implicit_within(parts.field, parts.jacobian, theta), 1)
        return fixed_steps.loop(_memoryless(parts), advance, events, parts.n, parts.n, parts.nq, parts.parameters)

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

        return _own_step(parts, explicit_steps.runge_kutta(field, tableau), start, tableau.error_order)

    return build


def _rosenbrock(parts: Parts) -> Any:
    step = rosenbrock.rodas4(parts.field, parts.jacobian, parts.time_slope)
    return _own_step(parts, step, _memoryless(parts), 4)


def _linear(parts: Parts) -> Any:
    return exponential.loop(parts.field, parts.jacobian, parts.n, parts.nq, parts.parameters)


METHODS = {
    "explicit_euler": Method(1, False, _explicit(tableaus.EXPLICIT_EULER)),
    "implicit_euler": Method(1, False, _implicit(1.0), needs_jacobian=True),
    "implicit_midpoint": Method(2, False, _implicit(0.5), needs_jacobian=True),
    "velocity_verlet": Method(2, False, _verlet, takes_acceleration=True),
    "rk4": Method(4, False, _explicit(tableaus.RK4)),
    "dopri5": Method(5, True, _embedded(tableaus.DOPRI5)),
    "dop853": Method(8, True, _embedded(tableaus.DOP853)),
    "rosenbrock": Method(4, True, _rosenbrock, needs_jacobian=True),
    # Exact, so it has no order; it takes one step for each segment.
    "linear": Method(0, True, _linear, needs_jacobian=True),
}
