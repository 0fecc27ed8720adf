"""The system that is integrated: the user's right-hand side and Jacobian with the states, checked before a run."""

import dis
import inspect
import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import cloudpickle

from gridtrend.ode import trial_call, user_function
from gridtrend.ode.free_variables import codes, digest, plain
from gridtrend.ode.kernels import field as fields
from gridtrend.ode.kernels import signatures
from gridtrend.ode.kernels.methods import METHODS, Parts
from gridtrend.ode.trial_call import Cell

# Jacobians are inverted by unrolled code, which takes minutes to compile for more states.
MOST_STATES = 6
_CALLS = "rhs(t, y, p), or, where it writes its result to an array, as rhs(t, y, p, dy)"


@dataclass(frozen=True)
class System:
    """A right-hand side with its states and parameters: picklable, and known by a digest.

    Parameters
    ----------
    rhs : callable
        As the user wrote it.
    states, parameters : tuple of str
        Names of the elements of `y` and `p`.
    forcing : int
        How many of the last parameters change in time.
    form : {"rate", "in place", "acceleration"}
        What `rhs` is: `rhs(t, y, p)` that returns the rates of change of all states, the same that writes them to its
        fourth argument, or one that takes the first half of the states and returns the accelerations.
    watched : tuple of int
        The state of each event; the levels that it watches for follow the constant parameters.
    jacobian : callable, optional
        The user's `jacobian(t, y, p)`.
    """

    rhs: Any
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    forcing: int
    form: str
    watched: tuple[int, ...] = ()
    jacobian: Any = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        parts = [digest(f) for f in (self.rhs, self.jacobian) if f is not None]
        key = repr((parts, self.states, self.parameters, self.forcing, self.form, self.watched))
        object.__setattr__(self, "digest", key)

    def check_unchanged(self) -> None:
        """Refuse to compile if a value has changed since the digest was taken."""
        if replace(self).digest != self.digest:
            raise ValueError(
                "a value that rhs or jacobian uses from outside was changed between the call of integrate and the computation "
                "of its lazy result. Compute first, or make a copy of what changes."
            )

    def __reduce__(self) -> Any:
        functions = cloudpickle.dumps((self.rhs, self.jacobian))
        rest = ("states", "parameters", "forcing", "form", "watched")
        return _unpickled, (functions, {name: getattr(self, name) for name in rest})

    @property
    def positions(self) -> tuple[str, ...]:
        """The states that `rhs` takes."""
        return self.states[: len(self.states) // 2] if self.form == "acceleration" else self.states

    def field(self) -> Any:
        """The right-hand side as a compiled function of t, y and q."""
        rhs = user_function.ready(self.rhs)
        in_place = self.form == "in place"
        return fields.field(rhs, self.positions, self.parameters, self.forcing, len(self.watched), in_place)

    def parts(self, method: str) -> Parts:
        """The functions and sizes that a method is built from."""
        field, n, form = self.field(), len(self.states), self.form
        if form == "acceleration" and not METHODS[method].takes_acceleration:
            field, form = fields.with_velocities(field, n), "rate"
        if self.jacobian is None:
            jacobian = fields.jacobian(field, n)
        else:
            given = user_function.ready(self.jacobian)
            jacobian = fields.given_jacobian(given, self.states, self.parameters, self.forcing, len(self.watched))
        constant = len(self.parameters) - self.forcing + len(self.watched)
        nq = constant + 2 * self.forcing + 1
        return Parts(form, field, jacobian, fields.time_slope(field, n), n, constant, nq, self.watched)


def _unpickled(functions: bytes, rest: dict[str, Any]) -> System:
    rhs, jacobian = cloudpickle.loads(functions)
    return System(rhs, jacobian=jacobian, **rest)


@dataclass(frozen=True)
class Acceleration:
    """A function of positions that gives accelerations, for any method."""

    function: Any


def make_system(
    rhs: Any,
    states: tuple[str, ...],
    parameters: tuple[str, ...],
    forcing: int,
    method: str,
    cell: Cell,
    jacobian: Any = None,
    watched: tuple[int, ...] = (),
) -> System:
    """The system, after its functions were called with `cell` and compiled."""
    if isinstance(rhs, Acceleration):
        return System(rhs.function, states, parameters, forcing, "acceleration", watched)
    check_function(rhs, "rhs", _CALLS, (3, 4))
    if jacobian is not None:
        check_function(jacobian, "jacobian", "jacobian(t, y, p)", (3,))
    if METHODS[method].needs_jacobian and len(states) > MOST_STATES:
        raise ValueError(
            f"method={method!r} works with the Jacobian in registers and takes at most {MOST_STATES} states, and y0 has "
            f"{len(states)}. Use dopri5 or dop853, or, for a stiff column, few layers."
        )
    in_place = _writes(rhs)
    _check_names(rhs, states, parameters)
    if jacobian is not None:
        _check_jacobian(jacobian, states, parameters, cell)
    if method == "velocity_verlet":
        if in_place:
            raise ValueError(
                "velocity_verlet takes a function that returns its result, acceleration(t, q, p) or rhs(t, y, p), and rhs "
                "has a fourth argument to write to. Use rk4 or dopri5 with it."
            )
        _check_returned(trial_call.call(rhs, "rhs", cell, states, parameters), None, states)
        return _second_order(rhs, states, parameters, forcing, watched)
    system = System(rhs, states, parameters, forcing, "in place" if in_place else "rate", watched, jacobian)
    _try(system, cell)
    _check_compiles(system)
    if METHODS[method].needs_jacobian:
        _check_derivatives(system, method)
    return system


def check_function(function: Any, name: str, calls: str, counts: tuple[int, ...]) -> None:
    """Refuse everything but a Python function that can be called with one of `counts` arguments."""
    found = plain(function)
    if not inspect.isfunction(found):
        raise TypeError(
            f"{name} must be a Python function, called as {calls}, and not {type(function).__name__}: its code is compiled. "
            "Write a def or a lambda."
        )
    code = found.__code__
    advice = "What stays the same is a parameter, params={...}, a variable outside of the function, or an argument with a default."
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        star = next(str(one) for one in inspect.signature(found).parameters.values() if str(one).startswith("*"))
        raise TypeError(f"{name} takes {star}, and is called as {calls}: name each argument. {advice}")
    if code.co_kwonlyargcount:
        keyword = code.co_varnames[code.co_argcount]
        raise TypeError(f"{name} has the keyword-only argument {keyword!r}, and is called as {calls}. {advice}")
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise TypeError(f"{name} is a generator or a coroutine, and is called as {calls}: return the result.")
    fewest, most = code.co_argcount - len(found.__defaults__ or ()), code.co_argcount
    # Arguments with defaults need no value: rhs(t, y, p, k=0.5) is called with three.
    called = counts[-1] if fewest == counts[-1] else counts[0]
    if not fewest <= called <= most:
        raise TypeError(f"{name} takes {most} argument{'s' * (most != 1)}, and is called as {calls}.")


def _writes(rhs: Any) -> bool:
    """Whether a right-hand side writes to its fourth argument; a fourth argument with a default is a constant."""
    function = plain(rhs)
    code = function.__code__
    if code.co_argcount - len(function.__defaults__ or ()) != 4:
        return False
    name = code.co_varnames[3]
    instructions = list(dis.get_instructions(code))
    uses = [item for item in instructions if item.argval == name]
    inner = any(name in part.co_freevars for part in codes(code))
    for before, item in itertools.pairwise(instructions):
        rebinds = item.opname == "STORE_FAST" and item.argval == name
        # `dy += x` writes to the array and binds the name to it once more.
        if rebinds and not (before.opname.startswith(("BINARY_OP", "INPLACE")) and str(before.argrepr).endswith("=")):
            raise ValueError(
                f"rhs binds its fourth argument {name!r} to something else, so that nothing is written to the array that it "
                f"was given. Write to its elements: {name}[0] = ...; or {name}[:] = ...; a constant needs a default, {name}=1.0."
            )
    if not uses and not inner:
        raise ValueError(
            f"rhs never uses its fourth argument {name!r}, which is where it has to write: {name}[0] = ... Leave it out to "
            f"return the rates of change; a constant needs a default, {name}=1.0."
        )
    return True


def _try(system: System, cell: Cell) -> None:
    """Call the right-hand side once, and refuse wrong behaviour and results."""
    in_place = system.form == "in place"
    returned = trial_call.call(system.rhs, "rhs", cell, system.states, system.parameters, in_place)
    if not in_place:
        _check_returned(returned, len(system.states), system.states)
    elif returned is not None and returned is not trial_call.UNKNOWN:
        _refuse_both(system.rhs)


def _refuse_both(rhs: Any) -> None:
    name = plain(rhs).__code__.co_varnames[3]
    raise ValueError(
        f"rhs has a fourth argument {name!r} to write to, and returns a value, which nobody would see. Write to {name} and "
        f"return nothing, or leave {name} out; a constant needs a default, {name}=1.0."
    )


def _check_returned(returned: Any, n: int | None, states: tuple[str, ...]) -> None:
    """Refuse a wrong result of a right-hand side in plain Python."""
    y0 = f"y0 has {_many(len(states), 'state')}: {', '.join(states)}"
    if wrong := trial_call.objection(returned):
        if wrong == "a list or an array":
            _refuse_collection(y0)
        advice = (
            "Complex states are two each, the real and the imaginary part."
            if "complex" in wrong
            else "Return the rate of change of each, a real number, in that order: return a, b."
        )
        raise ValueError(f"rhs returns {wrong}, and {y0}. {advice}")
    if n is not None and returned is not trial_call.UNKNOWN:
        _check_number(len(returned) if isinstance(returned, tuple) else 1, n, y0)


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _refuse_collection(states: str) -> None:
    raise ValueError(
        f"rhs returns a list or an array, and {states}. Return a tuple of numbers, without brackets: return a, b; "
        "or write them into a fourth argument: def rhs(t, y, p, dy): dy[0] = a."
    )


def _check_number(found: int, n: int, states: str) -> None:
    if found != n:
        raise ValueError(
            f"rhs returns {_many(found, 'value')}, and {states}. Return the rate of change of each, in that order."
        )


def _check_jacobian(jacobian: Any, states: tuple[str, ...], parameters: tuple[str, ...], cell: Cell) -> None:
    """Refuse a Jacobian that is not a tuple of rows, each a tuple of real numbers."""
    n = len(states)
    form = ", ".join(
        f"({', '.join(f'd{row}_d{column}' for column in states[:2])}{', ...' * (n > 2)})" for row in states[:2]
    )
    if n == 1:
        form = f"(d{states[0]}_d{states[0]},),"
    advice = (
        f"y0 has {_many(n, 'state')}; return {_many(n, 'row')} of {_many(n, 'number')}, ({form}{', ...' * (n > 2)})."
    )
    rows = trial_call.call(jacobian, "jacobian", cell, states, parameters)
    if rows is not trial_call.UNKNOWN:
        whole = isinstance(rows, tuple) and len(rows) == n
        if not whole or any(not isinstance(row, tuple) or len(row) != n or trial_call.objection(row) for row in rows):
            raise ValueError(f"jacobian returns {_shape(rows)}, and {advice}")
    function = user_function.ready(jacobian)
    try:
        returned = user_function.compiled_for(function, signatures.of_user(states, parameters))
    except user_function.COMPILE_ERRORS as error:
        raise ValueError(user_function.explained(error, jacobian, "jacobian", _known(states, parameters))) from None
    if not signatures.is_matrix(returned, n):
        raise ValueError(f"jacobian returns {returned}, and {advice}")


def _shape(rows: Any) -> str:
    if isinstance(rows, tuple) and all(isinstance(row, tuple) for row in rows):
        return f"{_many(len(rows), 'row')} of {' and '.join(sorted({str(len(row)) for row in rows}))} values"
    return trial_call.objection(rows) or (
        f"a tuple of {_many(len(rows), 'number')}" if isinstance(rows, tuple) else "a number"
    )


def _check_names(rhs: Any, states: tuple[str, ...], parameters: tuple[str, ...]) -> None:
    """Refuse `a, b = p` where the variables are b and a."""
    code = plain(rhs).__code__
    arguments = code.co_varnames
    for argument, names, what in ((arguments[1], states, "y0"), (arguments[2], parameters, "params and forcing")):
        for unpacked in _unpacked(code, argument):
            if unpacked != names and sorted(unpacked) == sorted(names):
                raise ValueError(
                    f"rhs unpacks {argument} as {', '.join(unpacked)}, and the variables of {what} are, in order, "
                    f"{', '.join(names)}: the names do not match. Write {', '.join(names)} = {argument}, or "
                    f"{argument}.{names[0]} and so on, which needs no order."
                )


def _unpacked(code: Any, argument: str) -> list[tuple[str, ...]]:
    """Names of each `a, b = argument` in a function."""
    found = []
    instructions = list(dis.get_instructions(code))
    for i, instruction in enumerate(instructions[1:], 1):
        before = instructions[i - 1]
        if (
            instruction.opname == "UNPACK_SEQUENCE"
            and before.opname.startswith("LOAD_FAST")
            and before.argval == argument
        ):
            targets = instructions[i + 1 : i + 1 + int(instruction.arg or 0)]
            found.append(tuple(str(target.argval) for target in targets))
    return found


# Return types of functions by digest and arguments, so that no function is compiled twice for checks.
_RETURNED: dict[tuple[Any, ...], Any] = {}


def _returned(system: System, states: tuple[str, ...], velocities: int = 0, derivative: str | None = None) -> Any:
    key = system.digest, states, velocities, derivative
    if key not in _RETURNED:
        arguments = signatures.of_user(states, system.parameters, velocities, system.form == "in place", derivative)
        _RETURNED[key] = user_function.compiled_for(user_function.ready(system.rhs), arguments)
    return _RETURNED[key]


def _check_compiles(system: System) -> None:
    n = len(system.states)
    user_function.ready(system.rhs)
    try:
        returned = _returned(system, system.states)
    except user_function.COMPILE_ERRORS as error:
        raise ValueError(_in_words(error, system)) from None
    if system.form == "in place":
        if signatures.count(returned):
            _refuse_both(system.rhs)
        return
    _check_count(returned, n, f"y0 has {_many(n, 'state')}: {', '.join(system.states)}")


def _check_derivatives(system: System, method: str) -> None:
    """Refuse a right-hand side that numba cannot compile for dual numbers."""
    wanted = ([] if system.jacobian else ["y"]) + ["t"] * (method == "rosenbrock")
    try:
        for derivative in wanted:
            _returned(system, system.states, derivative=derivative)
    except user_function.COMPILE_ERRORS as error:
        known = (
            f"method={method!r} differentiates rhs: give jacobian=..., or take a method that does not, such as dopri5"
        )
        raise ValueError(user_function.explained(error, system.rhs, "rhs", known)) from None


def _known(states: tuple[str, ...], parameters: tuple[str, ...]) -> str:
    return f"Here y is ({', '.join(states)}), p is ({', '.join(parameters)})"


def _in_words(error: Exception, system: System) -> str:
    return user_function.explained(error, system.rhs, "rhs", _known(system.states, system.parameters))


def _check_count(returned: Any, n: int, states: str) -> None:
    if signatures.is_collection(returned):
        _refuse_collection(states)
    found = signatures.count(returned)
    if found == 0:
        raise ValueError(f"rhs returns nothing, and {states}. Return the rate of change of each, in that order.")
    _check_number(found, n, states)
    if wrong := signatures.not_real(returned):
        raise ValueError(f"rhs returns {wrong}, and {states}. Return the rate of change of each, a real number.")


def _second_order(rhs: Any, states: tuple[str, ...], parameters: tuple[str, ...], *rest: Any) -> System:
    """A system for velocity-Verlet: `rhs` returns accelerations from positions, or the rates of change of both.

    The velocities have a type that can only be returned, so that a force that uses a velocity does not compile.
    """
    n, half = len(states), len(states) // 2
    if n % 2:
        raise ValueError(
            f"velocity_verlet needs a velocity for each position, and y0 has {n} states: {', '.join(states)}. Give the "
            "positions, then their velocities."
        )
    acceleration = System(rhs, states, parameters, rest[0], "acceleration", rest[1])
    user_function.ready(rhs)
    if (acceleration.digest, "hides") in _RETURNED:
        return System(rhs, states, parameters, rest[0], "rate", rest[1])
    try:
        returned = _returned(acceleration, states[:half])
        _check_count(returned, half, f"there are {half} positions: {', '.join(states[:half])}")
        return acceleration
    except user_function.COMPILE_ERRORS as error:
        reason = error
    except ValueError:
        reason = None
    try:
        _returned(acceleration, states)
    except user_function.COMPILE_ERRORS:
        raise ValueError(_in_words(reason or ValueError(""), acceleration)) from None
    try:
        returned = _returned(acceleration, states, half)
        if signatures.returns_velocities(returned, half):
            _RETURNED[acceleration.digest, "hides"] = returned
            return System(rhs, states, parameters, rest[0], "rate", rest[1])
    except user_function.COMPILE_ERRORS:
        pass
    raise ValueError(
        f"velocity_verlet does not fit this rhs: a force must not depend on velocities ({', '.join(states[half:])}), and "
        f"positions ({', '.join(states[:half])}) must change by exactly them, for only then are its steps reversible and its "
        "energy bounded. With friction or rotation use implicit_midpoint or dopri5; else give acceleration(t, q, p), which "
        f"returns {half} value{'s' * (half > 1)} from the positions alone."
    )
