"""Fields of any stride, brought into tiles: `NARROW` neighbouring cells next to each other, node by node.

A problem has as many coefficient fields as its matrix has entries, each with its own strides: some hold a value a node and
cell, some one profile for all cells, some one number. They reach the kernel as a table with one row a field:
address, and strides in bytes along nodes, right-hand sides and cells.
"""

from collections import namedtuple

import numpy as np

from gridtrend.bvp.kernels.addresses import prefetch, store_at, store_value_at, value_at, vector_at
from gridtrend.engine.jit import inlined
from gridtrend.engine.lanes import NARROW, load_narrow, spread, store
from gridtrend.engine.unit import unit

ADDRESS, NODE, SIDE, CELL = 0, 1, 2, 3
ITEM = 8
# Tiles that are asked for, and written, at once: what a node has for few cells stands far from what the next node has, in
# other lines and pages of memory.
TOGETHER = 8

# Rows of memory (one a field and node: address, and stride along cells), the first cell of the next tiles, and which rows to
# ask for.
Ahead = namedtuple("Ahead", "rows first start stop")


@unit
def unaligned(fields):
    """Cells before the first that starts a cache line, for tiles from there on to take one line a node, not parts of two."""
    return NARROW - (fields[0, ADDRESS] // ITEM) % NARROW


@unit
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


@unit
def rows_of(a_fields, q_fields, n_nodes):
    """Address and stride along cells of every node of every field."""
    rows = np.empty(((a_fields.shape[0] + q_fields.shape[0]) * n_nodes, 2), np.int64)
    row = 0
    for fields in (a_fields, q_fields):
        for e in range(fields.shape[0]):
            for i in range(n_nodes):
                rows[row, 0] = fields[e, ADDRESS] + i * fields[e, NODE]
                rows[row, 1] = fields[e, CELL]
                row += 1
    return rows


@inlined
def call_for(ahead, i):
    """Ask memory for a row of what the next tiles need, all their cells, so that it is at hand when they come."""
    row = ahead.start + i
    if row < ahead.stop:
        address, stride = ahead.rows[row, 0], ahead.rows[row, 1]
        address += ahead.first * stride
        for _ in range(TOGETHER):
            prefetch(address)
            address += NARROW * stride


@unit
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
