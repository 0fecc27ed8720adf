"""Units: functions that are compiled once on a machine, and that all kernels share.

numba compiles a function anew into everything that calls it: a search for order statistics, reached by five kernels, would
be compiled five times, and 44 s of a first call were spent so. A unit is compiled by itself, kept on disk by itself
(`cache`), and called through a symbol that LLVM resolves when a kernel is loaded. A call costs a few nanoseconds, and
nothing is merged across it: what runs for each pair of values is no unit, what runs for a tile or a series is one.

A *deferred* unit is not even compiled before it is first called: a kernel whose data never need it, because series are short
or nothing in them is unusual, does not wait for it. The kernel reads its address from a slot; where the slot is empty it
calls back into Python, which compiles the unit and fills the slot.
"""

import contextlib
import ctypes
import functools
import gc
import hashlib
import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from gridtrend.engine import notice
from gridtrend.engine.cache import MachineCode
from gridtrend.engine.jit import borrowing, jit

_SYMBOL = re.compile(rb"gridtrend_unit_[0-9a-f]{32}")
_KNOWN: dict[str, "_Compiled"] = {}
_FAILURES: dict[str, BaseException] = {}


class UnitFailed(Exception):
    """A deferred unit that could not be compiled; `failure_of` knows why."""


def failure_of(error: UnitFailed) -> BaseException:
    """The exception that stopped the compilation: of the compiler, or an interrupt."""
    return _FAILURES.pop(str(error), error)


def make_deferred() -> None:
    """Compile the deferred units of all that this process has compiled or read so far, and those which they call."""
    while waiting := [compiled for compiled in _KNOWN.values() if compiled.unit.deferred and compiled._made is None]:
        for compiled in waiting:
            with global_compiler_lock:
                compiled.make()


class Unit:
    """A function compiled by itself, once for each signature.

    Parameters
    ----------
    body : callable
        The function. Compiled code calls it by position, with arguments of numba's types.
    deferred : bool
        Whether it is compiled at its first call only; it returns nothing then.
    allocates : bool
        Whether it makes arrays of its own.
    """

    def __init__(self, body: Callable[..., Any], deferred: bool, allocates: bool):
        self.body = body
        self.compile = jit if allocates else borrowing
        self.name = f"{body.__module__}.{body.__qualname__}"
        self.deferred = deferred
        self._compiled: dict[tuple[Any, ...], _Compiled] = {}

    def for_types(self, given: tuple[Any, ...]) -> "_Compiled":
        """The unit for arguments of these types: compiled or read from disk, unless it is deferred."""
        # numba's own lock, the only one: whoever compiles holds it, and a unit is compiled while its caller is.
        with global_compiler_lock:
            if given not in self._compiled:
                self._compiled[given] = _Compiled(self, given)
                _KNOWN[self._compiled[given].symbol] = self._compiled[given]
            found = self._compiled[given]
            if not self.deferred:
                found.make()
            return found


class _Compiled:
    """A unit for one signature."""

    def __init__(self, unit: Unit, given: tuple[Any, ...]):
        self.unit, self.given = unit, given
        digest = hashlib.sha256(f"{unit.name}\0{given}".encode()).hexdigest()[:32]
        self.symbol = f"gridtrend_unit_{digest}"
        self.returns: Any = types.none if unit.deferred else None
        self._made: Any = None
        if unit.deferred:
            self._slot = ctypes.c_void_p()
            self._fetch = ctypes.CFUNCTYPE(None)(self._fill)
            llvmlite.binding.add_symbol(f"{self.symbol}.slot", ctypes.addressof(self._slot))
            llvmlite.binding.add_symbol(f"{self.symbol}.fetch", ctypes.cast(self._fetch, ctypes.c_void_p).value)

    def make(self) -> int:
        """Compile it, or read it from disk; returns its address."""
        if self._made is None:
            made = compile_kept(
                self.unit.compile(self.unit.body), self.given, self.unit.name, self.unit.body.__module__
            )
            address = made.library.get_pointer_to_function(made.fndesc.llvm_func_name)
            if not self.unit.deferred:
                self.returns = made.signature.return_type
                llvmlite.binding.add_symbol(self.symbol, address)
            elif made.signature.return_type != types.none:
                raise TypeError(f"{self.unit.name}: a deferred unit returns nothing")
            self._made = made, address
        return int(self._made[1])

    def _fill(self) -> None:
        """Compile it in the middle of a kernel that needs it."""
        try:
            with global_compiler_lock:
                self._slot.value = self.make()
        except BaseException as error:  # noqa: BLE001
            # No exception passes through machine code: the kernel returns, and whoever called it raises this.
            _FAILURES[self.symbol] = error

    def function(self, context: Any, builder: Any) -> Any:
        """The function as the code that is being built calls it."""
        kind = context.call_conv.get_function_type(self.returns, self.given)
        if not self.unit.deferred:
            return cgutils.get_or_insert_function(builder.module, kind, self.symbol)
        pointer = kind.as_pointer()
        slot = _external(builder.module, pointer, f"{self.symbol}.slot")
        fetch = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), []), f"{self.symbol}.fetch"
        )
        nothing = ir.Constant(pointer, None)
        found = builder.load_atomic(slot, "acquire", 8, typ=pointer)
        with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", found, nothing)):
            builder.call(fetch, [])
        found = builder.load_atomic(slot, "acquire", 8, typ=pointer)
        with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", found, nothing)):
            context.call_conv.return_user_exc(builder, UnitFailed, (self.symbol,))
        return found


def _external(module: Any, kind: Any, name: str) -> Any:
    """A variable that is defined elsewhere."""
    if name in module.globals:
        return module.globals[name]
    variable = ir.GlobalVariable(module, kind, name)
    variable.linkage = "external"
    return variable


def unit(body: Callable[..., Any] | None = None, *, deferred: bool = False, allocates: bool = True) -> Any:
    """Declare a function that all kernels share, compiled by itself; a decorator.

    Parameters
    ----------
    deferred : bool
        Compile it at its first call, not with the kernels that may call it. It must return nothing.
    allocates : bool
        Whether it makes arrays of its own, or returns arrays. One that only works on what it is given compiles in about
        two thirds of the time, since nothing in it counts references.
    """
    if body is None:
        return functools.partial(unit, deferred=deferred, allocates=allocates)
    this = Unit(body, deferred, allocates)

    def call(typing: Any, *arguments: Any) -> Any:
        given = tuple(map(types.unliteral, arguments))
        compiled = this.for_types(given)
        # Arguments of any number reach the code as one tuple.
        signature = compiled.returns(types.Tuple(given))

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            function = compiled.function(context, builder)
            unpacked = [builder.extract_value(values[0], k) for k in range(len(given))]
            status, result = context.call_conv.call_function(builder, function, compiled.returns, given, unpacked)
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return signature, generate

    functools.update_wrapper(call, body)
    del call.__wrapped__  # type: ignore[attr-defined]
    called: Any = intrinsic(call)
    called.unit = this
    return called


def compile_kept(dispatcher: Any, given: Any, name: str, *modules: str) -> Any:
    """Compile a function for one signature, or read it from disk, with the units that it calls.

    Parameters
    ----------
    dispatcher : numba dispatcher
        What to compile.
    given : numba signature or tuple of types
        Types of its arguments.
    name : str
        Stands for everything it is compiled from that is not in `modules`.
    *modules : str
        Modules of this package that it is compiled from, with all that they import.

    Returns
    -------
    CompileResult
    """
    if getattr(numba.config, "DISABLE_JIT", 0):
        raise RuntimeError(
            "gridtrend computes in compiled code only, and the environment variable NUMBA_DISABLE_JIT (or "
            "numba.config.DISABLE_JIT) turns that off. Unset it, and start Python anew."
        )
    dispatcher._cache = MachineCode(name, (__name__, *modules), pack=_calls, unpack=_restore)
    with notice.waiting(name), _without_collector():
        dispatcher.compile(given)
    dispatcher.disable_compile()
    (compiled,) = dispatcher.overloads.values()
    return compiled


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Hold off Python's garbage collector, which walks the compiler's many objects again and again.

    Compilations nest, and only one thread compiles at a time: the outermost one turns it on again.
    """
    with global_compiler_lock:
        was_on = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_on:
                gc.enable()


def _calls(code: bytes) -> list[tuple[str, str, Any]]:
    """The units that machine code calls, by the symbols in it."""
    symbols = sorted({symbol.decode() for symbol in _SYMBOL.findall(code)})
    called = [(_KNOWN[symbol].unit.body, _KNOWN[symbol].given) for symbol in symbols]
    return [(body.__module__, body.__qualname__, given) for body, given in called]


def _restore(calls: list[tuple[str, str, Any]]) -> None:
    """Have the units at hand that machine code calls, before it is linked."""
    for module, name, given in calls:
        getattr(importlib.import_module(module), name).unit.for_types(given)
