"""Fields of any stride, brought into tiles: `NARROW` neighbouring cells next to each other, node by node.

A problem has as many coefficient fields as its matrix has entries, each with its own strides: some hold a value a node and
cell, some one profile for all cells, some one number. They reach the kernel as a table with one row a field:
address, and strides in bytes along nodes, right-hand sides and cells.
"""

from gridtrend.grid.kernel import jit
from gridtrend.grid.lanes import NARROW, load_narrow, spread, store, store_at, value_at, vector_at

ADDRESS, NODE, SIDE, CELL = 0, 1, 2, 3
ITEM = 8


@jit
def fill(fields, n_nodes, side, first, used, tiles):
    """Copy cells `first` to `first + used` of all fields into as many tiles as that takes, one after the other.

    Row `node * len(fields) + field` of each tile is theirs; lanes beyond the last cell repeat it. Several tiles at once,
    because what a node has for few cells stands far from what the next node has: in other lines and pages of memory.
    """
    n_fields = fields.shape[0]
    n_tiles = (used + NARROW - 1) // NARROW
    for e in range(n_fields):
        address = fields[e, ADDRESS] + side * fields[e, SIDE] + first * fields[e, CELL]
        stride = fields[e, CELL]
        for i in range(n_nodes):
            row = i * n_fields + e
            for tile in range(n_tiles):
                if stride == ITEM and used >= (tile + 1) * NARROW:
                    store(tiles, row, vector_at(address + tile * NARROW * ITEM))
                elif stride == 0:
                    store(tiles, row, spread(value_at(address)))
                else:
                    for k in range(NARROW):
                        tiles[row, k] = value_at(address + min(tile * NARROW + k, used - 1) * stride)
                row += n_nodes * n_fields
            address += fields[e, NODE]


@jit
def pour(tiles, n, side, first, used, y):
    """Write tiles of states to cells `first` to `first + used` of `y` (state, node, side, cell)."""
    n_nodes = y.shape[1]
    n_tiles = (used + NARROW - 1) // NARROW
    for s in range(n):
        for i in range(n_nodes):
            row = i * n + s
            address = y.ctypes.data + ITEM * (((s * n_nodes + i) * y.shape[2] + side) * y.shape[3] + first)
            for tile in range(n_tiles):
                if used >= (tile + 1) * NARROW:
                    store_at(address + tile * NARROW * ITEM, load_narrow(tiles, row))
                else:
                    for k in range(used - tile * NARROW):
                        y[s, i, side, first + tile * NARROW + k] = tiles[row, k]
                row += n_nodes * n
