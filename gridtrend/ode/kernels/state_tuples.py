"""The state of one cell as a tuple of numbers in registers, and a tile of such states for cells side by side.

A method is written for one cell, on tuples; LLVM vectorises the loop over the cells of a tile. It can do so because a tile is
one flat array, of which row `i` holds quantity `i` of all its cells, and because the width is a constant: LLVM can then prove
that rows do not overlap.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

# Cells that are advanced together.
WIDTH = 64


def _pointer(context, builder, tile_type, tile, row, cell, offset):
    data, item = context.make_array(tile_type)(context, builder, tile).data, context.get_data_type(tile_type.dtype)
    first = builder.add(builder.mul(row, ir.Constant(row.type, WIDTH)), cell)
    return builder.gep(
        data, [builder.add(first, ir.Constant(row.type, offset * WIDTH))], inbounds=True, source_etype=item
    )


@intrinsic(prefer_literal=True)
def rows(typing, tile, first, count, cell):
    """Values of one cell in `count` rows of a tile, from row `first` on, as a tuple."""
    length = count.literal_value
    signature = types.UniTuple(tile.dtype, length)(tile, types.intp, count, types.intp)

    def generate(context, builder, signature, args):
        place = context, builder, signature.args[0], args[0], args[1], args[3]
        item = context.get_data_type(signature.args[0].dtype)
        values = [builder.load(_pointer(*place, offset), typ=item) for offset in range(length)]
        return context.make_tuple(builder, signature.return_type, values)

    return signature, generate


@intrinsic
def set_rows(typing, tile, first, cell, values):
    """Write a tuple of values of one cell to the rows of a tile, from row `first` on."""
    signature = types.void(tile, types.intp, types.intp, values)

    def generate(context, builder, signature, args):
        place = context, builder, signature.args[0], args[0], args[1], args[2]
        for offset, value in enumerate(cgutils.unpack_tuple(builder, args[3])):
            builder.store(value, _pointer(*place, offset))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def along(typing, y, h, factors, slopes):
    """`y + h * factors[0] * slopes[0] + h * factors[1] * slopes[1] + ...`, element by element."""
    signature = y(y, types.float64, factors, slopes)

    def generate(context, builder, signature, args):
        # h * factor is computed once for all elements (and once for all cells where h is the same).
        weights = [builder.fmul(args[1], factor) for factor in cgutils.unpack_tuple(builder, args[2])]
        columns = [cgutils.unpack_tuple(builder, slope) for slope in cgutils.unpack_tuple(builder, args[3])]
        values = []
        for i, start in enumerate(cgutils.unpack_tuple(builder, args[0])):
            for weight, column in zip(weights, columns, strict=True):
                start = builder.fadd(start, builder.fmul(weight, column[i]))
            values.append(start)
        return context.make_tuple(builder, signature.return_type, values)

    return signature, generate


@intrinsic
def chosen(typing, condition, a, b):
    """The tuple `a` where the condition holds, else `b`, without a branch."""
    signature = a(types.boolean, a, a)

    def generate(context, builder, signature, args):
        pairs = zip(cgutils.unpack_tuple(builder, args[1]), cgutils.unpack_tuple(builder, args[2]), strict=True)
        values = [builder.select(args[0], x, y) for x, y in pairs]
        return context.make_tuple(builder, signature.return_type, values)

    return signature, generate


@intrinsic(prefer_literal=True)
def uniform(typing, values, like, count):
    """A tuple of `count` elements of the type of `like`, from a tuple of numbers or one number."""
    if not isinstance(count, types.Literal):
        # numba tries again without literals where the first try is refused.
        return None
    length = count.literal_value
    many = isinstance(values, types.BaseTuple)
    found = len(values) if many else 1
    if found != length:
        raise TypingError(f"{found} values are returned where there are {length} states")
    kinds = tuple(values) if many else (values,)
    element = like if not isinstance(like, types.Literal) else types.float64
    if bad := [kind for kind in kinds if isinstance(kind, types.Complex) or not typing.can_convert(kind, element)]:
        raise TypingError(f"a value of type {bad[0]} is returned where a number is expected")
    signature = types.UniTuple(element, length)(values, like, count)

    def generate(context, builder, signature, args):
        items = cgutils.unpack_tuple(builder, args[0]) if many else [args[0]]
        cast = [context.cast(builder, item, kind, element) for item, kind in zip(items, kinds, strict=True)]
        return context.make_tuple(builder, signature.return_type, cast)

    return signature, generate


@intrinsic
def or_missing(typing, function, t, y, q):
    """The tuple that `function(t, y, q)` returns, or NaN in each place where it raises an exception.

    A user's function does so where an index is out of range. One that cannot raise is called without any test.
    """
    inner = function.get_call_type(typing, (t, y, q), {})
    signature = inner.return_type(function, t, y, q)

    def generate(context, builder, signature, args):
        compiled = function.dispatcher.overloads[tuple(inner.args)]
        context.add_linking_libs([compiled.library])
        status, result = context.call_internal_no_propagate(builder, compiled.fndesc, inner, args[1:])
        values = cgutils.unpack_tuple(builder, result)
        missing = [_missing(value.type) for value in values]
        kept = [builder.select(status.is_error, nan, value) for nan, value in zip(missing, values, strict=True)]
        return context.make_tuple(builder, signature.return_type, kept)

    return signature, generate


def _missing(kind):
    """NaN, or a dual number of NaN."""
    if isinstance(kind, ir.DoubleType):
        return ir.Constant(kind, float("nan"))
    return ir.Constant(kind, [_missing(element) for element in kind.elements])


@intrinsic(prefer_literal=True)
def stack_array(typing, like, count):
    """An array of `count` elements of the type of `like` that lives until the function returns."""
    element = like if not isinstance(like, types.Literal) else types.float64
    array_type = types.Array(element, 1, "C")
    signature = array_type(like, count)

    def generate(context, builder, signature, args):
        size = count.literal_value
        data_type = context.get_data_type(element)
        data = cgutils.alloca_once(builder, data_type, size=ir.Constant(ir.IntType(32), size))
        array = context.make_array(array_type)(context, builder)
        itemsize = context.get_abi_sizeof(data_type)
        length, width = (context.get_constant(types.intp, value) for value in (size, itemsize))
        context.populate_array(array, data=data, shape=[length], strides=[width], itemsize=width, meminfo=None)
        return array._getvalue()

    return signature, generate


@intrinsic
def error_norm(typing, y0, y1, errors, rtol, atol):
    """Root mean square over elements of the error relative to `atol + rtol * max(|y0|, |y1|)`.

    Two error estimates are combined as in dop853.
    """
    signature = types.float64(y0, y1, errors, types.float64, types.float64)

    def generate(context, builder, signature, args):
        old, new = (cgutils.unpack_tuple(builder, arg) for arg in args[:2])
        scales = []
        for a, b in zip(old, new, strict=True):
            a, b = _call(builder, "llvm.fabs", a), _call(builder, "llvm.fabs", b)
            larger = builder.select(builder.fcmp_ordered(">", a, b), a, b)
            scales.append(builder.fadd(args[4], builder.fmul(args[3], larger)))
        sums = [
            _sum_of_squares(builder, cgutils.unpack_tuple(builder, e), scales)
            for e in cgutils.unpack_tuple(builder, args[2])
        ]
        count = ir.Constant(ir.DoubleType(), len(scales))
        if len(sums) == 1:
            return _call(builder, "llvm.sqrt", builder.fdiv(sums[0], count))
        weighed = builder.fadd(sums[0], builder.fmul(ir.Constant(ir.DoubleType(), 0.01), sums[1]))
        # Without any error the result is 0, not 0 / 0.
        weighed = builder.fadd(weighed, ir.Constant(ir.DoubleType(), 1e-300))
        return builder.fdiv(sums[0], _call(builder, "llvm.sqrt", builder.fmul(weighed, count)))

    return signature, generate


def _call(builder, name, value):
    return builder.call(builder.module.declare_intrinsic(name, [value.type]), [value])


def _sum_of_squares(builder, values, scales):
    total = ir.Constant(ir.DoubleType(), 0.0)
    for value, scale in zip(values, scales, strict=True):
        part = builder.fdiv(value, scale)
        total = builder.fadd(total, builder.fmul(part, part))
    return total


@intrinsic
def correction_size(typing, y, k, change, h, relative, absolute):
    """Largest element of `h * change`, relative to `relative * (|y| + |h k|) + absolute`; NaN if any is NaN."""
    signature = types.float64(y, k, change, types.float64, types.float64, types.float64)

    def generate(context, builder, signature, args):
        largest = ir.Constant(ir.DoubleType(), 0.0)
        h, relative, absolute = args[3:]
        for state, slope, delta in zip(*(cgutils.unpack_tuple(builder, arg) for arg in args[:3]), strict=True):
            moved = _call(builder, "llvm.fabs", builder.fmul(h, slope))
            scale = builder.fadd(_call(builder, "llvm.fabs", state), moved)
            allowed = builder.fadd(builder.fmul(relative, scale), absolute)
            size = builder.fdiv(_call(builder, "llvm.fabs", builder.fmul(h, delta)), allowed)
            # The unordered comparison is true for NaN, so that NaN is kept.
            largest = builder.select(builder.fcmp_unordered(">", size, largest), size, largest)
        return largest

    return signature, generate
