"""From files and to files: open inputs, find what is in them, plan the reading, write results.

`inputs` opens (from `remote` systems too), `join` makes one record of many `files`, `coordinates` finds time and
variables, `selection` cuts, `plan` decides on tiles by the `memory` there is and `read` carries that out; `metadata` describes results, `outputs`
writes them, `regions` computes them piece by piece and the `ledger` knows which are done; `errors` are what goes wrong.
"""

from gridtrend.io.coordinates import find_dim, find_variables, holds_dates, index_by_time
from gridtrend.io.errors import InputError, OutputError, RunError
from gridtrend.io.files import files_of
from gridtrend.io.grids import open_grid
from gridtrend.io.inputs import list_inputs, open_input
from gridtrend.io.ledger import Workspace, fingerprint, free_space, workspace
from gridtrend.io.memory import available_memory, available_threads, return_freed_memory
from gridtrend.io.metadata import add_grid, describe, history_line
from gridtrend.io.outputs import check_output, check_target, write
from gridtrend.io.plan import WAYS, Plan, check_tiles, disk_chunks, plan_chunks
from gridtrend.io.reading import read
from gridtrend.io.selection import select

__all__ = [
    "WAYS",
    "InputError",
    "OutputError",
    "Plan",
    "RunError",
    "Workspace",
    "add_grid",
    "available_memory",
    "available_threads",
    "check_output",
    "check_target",
    "check_tiles",
    "describe",
    "disk_chunks",
    "files_of",
    "find_dim",
    "find_variables",
    "fingerprint",
    "free_space",
    "history_line",
    "holds_dates",
    "index_by_time",
    "list_inputs",
    "open_grid",
    "open_input",
    "plan_chunks",
    "read",
    "return_freed_memory",
    "select",
    "workspace",
    "write",
]
