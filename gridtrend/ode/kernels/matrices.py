"""Small matrices in registers, row after row in a tuple, without loops and without branches."""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def times(typing, matrix, vector):
    """Matrix times vector."""
    signature = vector(matrix, vector)

    def generate(context, builder, signature, args):
        x = cgutils.unpack_tuple(builder, args[1])
        entries = cgutils.unpack_tuple(builder, args[0])
        rows = [entries[i : i + len(x)] for i in range(0, len(entries), len(x))]
        return context.make_tuple(builder, signature.return_type, [_dot(builder, row, x) for row in rows])

    return signature, generate


def _dot(builder, a, b):
    total = builder.fmul(a[0], b[0])
    for x, y in zip(a[1:], b[1:], strict=True):
        total = builder.fadd(total, builder.fmul(x, y))
    return total


@intrinsic
def inverse_of_shifted(typing, diagonal, factor, matrix):
    """The inverse of `diagonal * I - factor * matrix`, by elimination with row exchanges; not finite where singular."""
    signature = matrix(types.float64, types.float64, matrix)
    n = round(matrix.count**0.5)

    def generate(context, builder, signature, args):
        zero, one = (ir.Constant(ir.DoubleType(), value) for value in (0.0, 1.0))
        entries = cgutils.unpack_tuple(builder, args[2])
        rows = []
        for i in range(n):
            scaled = [builder.fneg(builder.fmul(args[1], entry)) for entry in entries[i * n : (i + 1) * n]]
            scaled[i] = builder.fadd(args[0], scaled[i])
            rows.append(scaled + [one if i == j else zero for j in range(n)])
        _eliminate(builder, rows)
        return context.make_tuple(builder, signature.return_type, [entry for row in rows for entry in row[n:]])

    return signature, generate


def _eliminate(builder, rows):
    """Gauss-Jordan elimination of [A, I] to [I, inverse of A]; a select in each lane moves the pivot up."""
    n = len(rows)
    one = ir.Constant(ir.DoubleType(), 1.0)
    for k in range(n):
        for i in range(k + 1, n):
            larger = builder.fcmp_ordered(">", _magnitude(builder, rows[i][k]), _magnitude(builder, rows[k][k]))
            pairs = list(zip(rows[k], rows[i], strict=True))
            rows[k] = [builder.select(larger, low, up) for up, low in pairs]
            rows[i] = [builder.select(larger, up, low) for up, low in pairs]
        reciprocal = builder.fdiv(one, rows[k][k])
        rows[k] = [builder.fmul(entry, reciprocal) for entry in rows[k]]
        for i in set(range(n)) - {k}:
            factor = rows[i][k]
            rows[i] = [builder.fsub(a, builder.fmul(factor, b)) for a, b in zip(rows[i], rows[k], strict=True)]


def _magnitude(builder, value):
    function = builder.module.declare_intrinsic("llvm.fabs", [value.type])
    return builder.call(function, [value])
