"""Arrays of any strides, copied into tiles: NARROW neighbouring cells next to each other, node by node.

A problem has one coefficient array for each entry of its matrix, and each has its own strides: some hold a value for each
node and cell, some one profile for all cells, some one number. They reach the kernel as a table with one row for each array:
address, and strides in bytes along nodes, right-hand sides and cells. Nothing here keeps an array alive; the caller does.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from gridtrend.engine.lanes import NARROW, Vector, load_narrow, spread, store
from gridtrend.engine.unit import unit

ADDRESS, NODE, SIDE, CELL = 0, 1, 2, 3
ITEM = 8
# Tiles of neighbouring cells that are written together: consecutive nodes of a cell are far apart in memory, and neighbouring
# tiles then share cache lines and pages of a node (1.1 times as fast).
TOGETHER = 8


@intrinsic
def vector_at(typing, address):
    """The NARROW float64 values at an address."""
    vector = Vector(types.float64, NARROW)
    signature = vector(types.int64)

    def generate(context, builder, signature, args):
        value = builder.load(builder.inttoptr(args[0], vector.ir.as_pointer()), typ=vector.ir)
        value.align = ITEM
        return value

    return signature, generate


@intrinsic
def value_at(typing, address):
    """The float64 at an address."""
    signature = types.float64(types.int64)

    def generate(context, builder, signature, args):
        double = ir.DoubleType()
        return builder.load(builder.inttoptr(args[0], double.as_pointer()), typ=double)

    return signature, generate


@intrinsic
def store_at(typing, address, value):
    """Write a float64, or a vector of them, to an address."""
    signature = types.void(types.int64, value)

    def generate(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], args[1].type.as_pointer())
        builder.store(args[1], pointer).align = ITEM
        return context.get_dummy_value()

    return signature, generate


@unit
def unaligned(fields):
    """Cells before the first that starts a cache line: tiles from there on use one cache line for each node, not two."""
    return NARROW - (fields[0, ADDRESS] // ITEM) % NARROW


@unit
def fill(fields, n_nodes, side, first, used, tile):
    """Copy cells `first` to `first + used` of all arrays into a tile, row `node * len(fields) + field`.

    Lanes beyond the last cell repeat it.
    """
    n_fields = fields.shape[0]
    for e in range(n_fields):
        address, stride = fields[e, ADDRESS] + side * fields[e, SIDE] + first * fields[e, CELL], fields[e, CELL]
        for row in range(e, n_nodes * n_fields, n_fields):
            if stride == ITEM and used == NARROW:
                store(tile, row, vector_at(address))
            elif stride == 0:
                store(tile, row, spread(value_at(address)))
            else:
                for k in range(NARROW):
                    tile[row, k] = value_at(address + min(k, used - 1) * stride)
            address += fields[e, NODE]


@unit
def write_states(tiles, side, first, used, fields, n_nodes):
    """Write tiles of states to cells `first` to `first + used` of the arrays, one array for each state."""
    n = fields.shape[0]
    n_tiles = (used + NARROW - 1) // NARROW
    for s in range(n):
        address = fields[s, ADDRESS] + side * fields[s, SIDE] + first * ITEM
        for i in range(n_nodes):
            row = i * n + s
            for tile in range(n_tiles):
                start = address + tile * NARROW * ITEM
                if used >= (tile + 1) * NARROW:
                    store_at(start, load_narrow(tiles, row))
                else:
                    for k in range(used - tile * NARROW):
                        store_at(start + k * ITEM, tiles[row, k])
                row += n_nodes * n
            address += fields[s, NODE]
