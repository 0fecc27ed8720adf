"""From files and to files: open inputs, find what is in them, plan the reading, write results.

`inputs` opens what is in `netcdf` files and in a `zarrstore` (from `remote` systems too) or says what `formats` they
are of, `missing` tells which values count, `join` makes one record of many `files`, `coordinates` finds time and
variables, `places` the cells, `selection` cuts, `plan` decides on tiles by the `memory` that the work takes and the
`machine` has, and `read` carries that out; `metadata` describes results, `targets` says where they may be written,
`sources` what lazy ones are computed from, `outputs` writes them in `workspaces`, `regions` computes them piece by
piece and the `ledger` knows which are done, by `fingerprints` of the inputs; `marker` proves what gridtrend wrote,
`exchange` puts it in place of what was there; `errors` are what goes wrong.
"""

from gridtrend.io.coordinates import find_dim, find_variables, holds_dates, index_by_time
from gridtrend.io.errors import InputError, OutputError, RunError
from gridtrend.io.fingerprints import fingerprint
from gridtrend.io.grids import open_grid
from gridtrend.io.inputs import list_inputs, open_input
from gridtrend.io.machine import available_memory, available_threads, return_freed_memory
from gridtrend.io.memory import PROCESS_BYTES, process_bytes
from gridtrend.io.metadata import add_grid, describe, history_line
from gridtrend.io.outputs import write
from gridtrend.io.plan import WAYS, Plan, bytes_with_results, check_tiles, disk_chunks, held_bytes, plan_chunks
from gridtrend.io.reading import free_space, read
from gridtrend.io.sample import count_missing, warn_of_cycle
from gridtrend.io.selection import select
from gridtrend.io.sources import sources
from gridtrend.io.targets import check_output, check_target
from gridtrend.io.workspaces import Workspace, workspace

__all__ = [
    "PROCESS_BYTES",
    "WAYS",
    "InputError",
    "OutputError",
    "Plan",
    "RunError",
    "Workspace",
    "add_grid",
    "available_memory",
    "available_threads",
    "bytes_with_results",
    "check_output",
    "check_target",
    "check_tiles",
    "count_missing",
    "describe",
    "disk_chunks",
    "find_dim",
    "find_variables",
    "fingerprint",
    "free_space",
    "held_bytes",
    "history_line",
    "holds_dates",
    "index_by_time",
    "list_inputs",
    "open_grid",
    "open_input",
    "plan_chunks",
    "process_bytes",
    "read",
    "return_freed_memory",
    "select",
    "sources",
    "warn_of_cycle",
    "workspace",
    "write",
]
