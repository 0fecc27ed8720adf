"""Memory by its address: for kernels whose arrays have strides of their own, and come as a table of addresses.

Callable from compiled code only. Nothing here keeps an array alive: whoever hands over an address does.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from gridtrend.engine.lanes import NARROW, Vector


@intrinsic
def vector_at(typing, address):
    """The NARROW float64 values that stand at an address."""
    vector = Vector(types.float64, NARROW)
    signature = vector(types.int64)

    def generate(context, builder, signature, args):
        value = builder.load(builder.inttoptr(args[0], vector.ir.as_pointer()))
        value.align = 8
        return value

    return signature, generate


@intrinsic
def store_at(typing, address, vector):
    """Write a vector of float64 to an address."""
    signature = types.void(types.int64, vector)

    def generate(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], signature.args[1].ir.as_pointer())
        builder.store(args[1], pointer).align = 8
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def value_at(typing, address):
    """The float64 that stands at an address."""
    signature = types.float64(types.int64)

    def generate(context, builder, signature, args):
        return builder.load(builder.inttoptr(args[0], ir.DoubleType().as_pointer()))

    return signature, generate


@intrinsic
def store_value_at(typing, address, value):
    """Write a float64 to an address."""
    signature = types.void(types.int64, types.float64)

    def generate(context, builder, signature, args):
        builder.store(args[1], builder.inttoptr(args[0], ir.DoubleType().as_pointer()))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def prefetch(typing, address):
    """Ask for the cache line of an address, which need not exist, without waiting for it."""
    signature = types.void(types.int64)

    def generate(context, builder, signature, args):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        of_type = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, of_type, "llvm.prefetch.p0i8")
        # To read; into the second cache; data.
        builder.call(function, [builder.inttoptr(args[0], byte), *(ir.Constant(number, flag) for flag in (0, 2, 1))])
        return context.get_dummy_value()

    return signature, generate
