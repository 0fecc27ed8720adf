"""Fields of any stride, brought into tiles: `NARROW` neighbouring cells next to each other, node by node.

A problem has as many coefficient fields as its matrix has entries, each with its own strides: some hold a value a node and
cell, some one profile for all cells, some one number. They reach the kernel as a table with one row a field:
address, and strides in bytes along nodes, right-hand sides and cells.
"""

from collections import namedtuple

from gridtrend.grid.addresses import prefetch, store_at, store_value_at, value_at, vector_at
from gridtrend.grid.kernel import inlined, jit
from gridtrend.grid.lanes import NARROW, load_narrow, spread, store

ADDRESS, NODE, SIDE, CELL = 0, 1, 2, 3
ITEM = 8
# Tiles that are asked for, and written, at once: what a node has for few cells stands far from what the next node has, in
# other lines and pages of memory.
TOGETHER = 8

# Fields of matrix and sources, the first cell of the next tiles, and how far the asking has come.
Ahead = namedtuple("Ahead", "a q first step")


@jit
def fill(fields, n_nodes, side, first, used, tile):
    """Copy cells `first` to `first + used` of all fields into a tile, row `node * len(fields) + field`.

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


@inlined
def call_for(ahead, i):
    """Ask memory for line `i` of what the next tiles need, one for each field, so that it is at hand when they come.

    There are `TOGETHER` lines a node, and as many tiles with which they can be asked for, node by node.
    """
    node, line = (ahead.step + i) // TOGETHER, (ahead.step + i) % TOGETHER
    for fields in (ahead.a, ahead.q):
        for e in range(fields.shape[0]):
            address = fields[e, ADDRESS] + node * fields[e, NODE]
            prefetch(address + (ahead.first + line * NARROW) * fields[e, CELL])


@jit
def pour(tiles, side, first, used, fields, n_nodes):
    """Write tiles of states to cells `first` to `first + used` of the fields, one for each state."""
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
                        store_value_at(start + k * ITEM, tiles[row, k])
                row += n_nodes * n
            address += fields[s, NODE]
