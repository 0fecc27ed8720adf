"""Fields of any stride, brought into tiles: `NARROW` neighbouring cells next to each other, node by node.

A problem has as many coefficient fields as its matrix has entries, each with its own strides: some hold a value a node and
cell, some one profile for all cells, some one number. They reach the kernel as a table with one row a field:
address, and strides in bytes along nodes, right-hand sides and cells.
"""

from gridtrend.grid.kernel import jit
from gridtrend.grid.lanes import NARROW, prefetch_read, spread, store, value_at, vector_at

ADDRESS, NODE, SIDE, CELL = 0, 1, 2, 3
ITEM = 8


@jit
def fill(fields, n_nodes, side, first, used, tile):
    """Copy cells `first` to `first + NARROW` of all fields; row `node * len(fields) + field` of the tile is theirs.

    Lanes beyond the last cell repeat it.
    """
    for e in range(fields.shape[0]):
        address = fields[e, ADDRESS] + side * fields[e, SIDE] + first * fields[e, CELL]
        stride = fields[e, CELL]
        for i in range(n_nodes):
            row = i * fields.shape[0] + e
            if stride == ITEM and used == NARROW:
                store(tile, row, vector_at(address))
                # The next tile's share of this row, which stands far from the next row.
                prefetch_read(address + 2 * NARROW * ITEM - 1)
            elif stride == 0:
                store(tile, row, spread(value_at(address)))
            else:
                for k in range(NARROW):
                    tile[row, k] = value_at(address + min(k, used - 1) * stride)
            address += fields[e, NODE]
