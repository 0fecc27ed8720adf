"""SIMD lanes for kernels: a vector of 16 neighbouring cells as one value inside compiled code.

LLVM's loop vectoriser gives up on loops that update several arrays (it must assume that they overlap), and a
pair-counting loop written over plain arrays runs about 15 times slower than the machine allows. A value type that *is*
a hardware vector leaves nothing to guess: 0.04-0.06 ns a pair and cell in float32 on an AVX2 core.

Everything here is callable from compiled code only. A tile is a C-contiguous array of shape (n, LANES); `load` takes
row `i` of it, and row `i` of a tile holds step `i` of 16 cells. LLVM splits the 16 lanes over the registers that the
machine has (4, 2 or 1 for float32), so nothing here names an instruction set, and results do not depend on it, but for the
last bits of arithmetic on NARROW lanes, where a product and a sum may be rounded as one.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

LANES = 16
# Where tiles have many rows of float64, half as many cells keep them in the cache.
NARROW = 8

_IR = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int32: ir.IntType(32),
    types.int64: ir.IntType(64),
}
# A compare of two float64 yields a 64-bit mask: counters of the same width are added without any conversion.
_COUNTER = {types.float32: types.int32, types.float64: types.int64}


class Vector(types.Type):
    """The numba type of LANES (or NARROW) values of one dtype held in registers."""

    def __init__(self, dtype, lanes=LANES):
        self.dtype = dtype
        self.lanes = lanes
        super().__init__(name=f"Vector({dtype}, {lanes})")

    @property
    def ir(self):
        """The LLVM type, such as `<16 x dtype>`."""
        return ir.VectorType(_IR[self.dtype], self.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.ir)


def _row(context, builder, tile_type, vector, args):
    """Pointer to row `args[1]` of the tile `args[0]`, as a pointer to a vector, and its alignment."""
    tile = context.make_array(tile_type)(context, builder, args[0])
    offset = builder.mul(args[1], ir.Constant(args[1].type, vector.lanes))
    # The type of the target is given at every use, since llvmlite will remove typed pointers.
    start = builder.gep(tile.data, [offset], source_etype=_IR[vector.dtype])
    return builder.bitcast(start, vector.ir.as_pointer()), tile_type.dtype.bitwidth // 8


def _loading(lanes, text):
    @intrinsic
    def load(typing, tile, i):
        vector = Vector(tile.dtype, lanes)
        signature = vector(tile, types.intp)

        def generate(context, builder, signature, args):
            pointer, align = _row(context, builder, signature.args[0], vector, args)
            value = builder.load(pointer, typ=vector.ir)
            value.align = align
            return value

        return signature, generate

    load.__doc__ = text
    return load


load = _loading(LANES, "Row `i` of `tile`.")
load_narrow = _loading(NARROW, "Row `i` of a `tile` of NARROW cells.")


@intrinsic
def load_cells(typing, block, i, first):
    """Cells `first` to `first + LANES` of row `i` of a 2-d array whose cells lie next to each other in memory."""
    vector = Vector(block.dtype)
    signature = vector(block, types.intp, types.intp)

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        row = builder.mul(args[1], builder.extract_value(array.strides, 0))
        byte, item = ir.IntType(8), _IR[vector.dtype]
        bytes_of_row = builder.gep(builder.bitcast(array.data, byte.as_pointer()), [row], source_etype=byte)
        start = builder.gep(builder.bitcast(bytes_of_row, item.as_pointer()), [args[2]], source_etype=item)
        value = builder.load(builder.bitcast(start, vector.ir.as_pointer()), typ=vector.ir)
        value.align = vector.dtype.bitwidth // 8
        return value

    return signature, generate


@intrinsic
def store(typing, tile, i, vector):
    """Write `vector` to row `i` of `tile`; 32-bit counters widen where the tile is int64."""
    signature = types.void(tile, types.intp, vector)

    def generate(context, builder, signature, args):
        target = Vector(signature.args[0].dtype, vector.lanes)
        pointer, align = _row(context, builder, signature.args[0], target, args)
        value = args[2] if target == vector else builder.sext(args[2], target.ir)
        builder.store(value, pointer).align = align
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def zero_count(typing, like):
    """Counters of zero, as wide as the values of the vector `like`."""
    vector = Vector(_COUNTER[like.dtype])
    signature = vector(like)

    def generate(context, builder, signature, args):
        return ir.Constant(vector.ir, None)

    return signature, generate


def _counting(predicate, text):
    @intrinsic
    def count(typing, counter, a, b):
        signature = counter(counter, a, b)

        def generate(context, builder, signature, args):
            # A true lane is -1 once it is sign-extended; NaN compares false under an ordered predicate.
            hit = builder.fcmp_ordered(predicate, args[1], args[2])
            return builder.sub(args[0], builder.sext(hit, signature.return_type.ir))

        return signature, generate

    count.__doc__ = text
    return count


count_less = _counting("<", "`counter` plus one in each lane where `a < b`.")
count_equal = _counting("==", "`counter` plus one in each lane where `a == b`.")


@intrinsic
def count_both_less(typing, counter, a, b, c, d):
    """`counter` plus one in each lane where `a < b` and `c < d`."""
    signature = counter(counter, a, b, c, d)

    def generate(context, builder, signature, args):
        hit = _both_less(builder, *args[1:])
        return builder.sub(args[0], builder.sext(hit, signature.return_type.ir))

    return signature, generate


def _arithmetic(of_floats, of_integers, text):
    @intrinsic
    def operate(typing, a, b):
        signature = a(a, b)
        name = of_floats if isinstance(a.dtype, types.Float) else of_integers

        # Tiles of few cells do arithmetic, not counts: there a product and a sum may be rounded as one.
        flags = ("contract",) if a.lanes == NARROW else ()

        def generate(context, builder, signature, args):
            return getattr(builder, name)(*args, flags=flags)

        return signature, generate

    operate.__doc__ = text
    return operate


add = _arithmetic("fadd", "add", "Sum of two vectors of one dtype.")
subtract = _arithmetic("fsub", "sub", "Difference of two vectors of one dtype.")
multiply = _arithmetic("fmul", "mul", "Product of two vectors of one dtype.")
divide = _arithmetic("fdiv", "sdiv", "Quotient of two vectors of one dtype.")


@intrinsic
def magnitude(typing, a):
    """Absolute value of a float vector."""
    signature = a(a)

    def generate(context, builder, signature, args):
        return _by_llvm(builder, "fabs", signature.return_type, args)

    return signature, generate


@intrinsic
def multiply_add(typing, a, b, c):
    """`a b + c` for float vectors, rounded once, on every machine: for results that two loops must agree upon to the bit."""
    signature = a(a, a, a)

    def generate(context, builder, signature, args):
        return _by_llvm(builder, "fma", signature.return_type, args)

    return signature, generate


def _by_llvm(builder, name, vector, args):
    name = f"llvm.{name}.v{vector.lanes}f{vector.dtype.bitwidth}"
    of_type = ir.FunctionType(vector.ir, [vector.ir] * len(args))
    return builder.call(cgutils.get_or_insert_function(builder.module, of_type, name), args)


@intrinsic
def where_less(typing, a, b, x, y):
    """`x` in each lane where `a < b`, `y` elsewhere, and where one of the two is NaN."""
    signature = x(a, b, x, y)

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return signature, generate


@intrinsic
def spread(typing, x):
    """NARROW lanes with the scalar `x` in each."""
    vector = Vector(x, NARROW)
    signature = vector(x)

    def generate(context, builder, signature, args):
        return _everywhere(builder, vector, args[0])

    return signature, generate


def _everywhere(builder, vector, value):
    undefined = ir.Constant(vector.ir, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), None))


def _both_less(builder, a, b, c, d):
    return builder.and_(builder.fcmp_ordered("<", a, b), builder.fcmp_ordered("<", c, d))


@intrinsic
def subtract_scaled(typing, a, b, x):
    """`a - b x` for float vectors `a` and `b` and a scalar `x` of their dtype; product and difference are rounded."""
    signature = a(a, b, a.dtype)

    def generate(context, builder, signature, args):
        everywhere = _everywhere(builder, signature.args[0], args[2])
        return builder.fsub(args[0], builder.fmul(args[1], everywhere))

    return signature, generate


@intrinsic
def both_less(typing, a, b, c, d):
    """Bits 0 to 15, one a lane: `a < b` and `c < d`."""
    signature = types.int64(a, b, c, d)

    def generate(context, builder, signature, args):
        hit = _both_less(builder, *args)
        return builder.zext(builder.bitcast(hit, ir.IntType(LANES)), ir.IntType(64))

    return signature, generate


@intrinsic
def lowest_bit(typing, bits):
    """Position of the lowest set bit of a non-zero int64."""
    signature = types.int64(types.int64)

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return signature, generate


@intrinsic
def count_bits(typing, bits):
    """How many bits of a uint64 are set."""
    signature = types.uint64(types.uint64)

    def generate(context, builder, signature, args):
        return builder.ctpop(args[0])

    return signature, generate
