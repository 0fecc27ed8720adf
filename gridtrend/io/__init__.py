"""From files and to files: open inputs, find what is in them, plan the reading, write results.

`inputs` opens `netcdf` files and `zarrstore`s, `remote` ones too, or says which of the other `formats` they have. `missing`
decides which values count, `join` makes one record of many `lazy_files`, `coordinates` finds time, places and variables, and
`selection` cuts. `plan` chooses a strategy within the sizes of `memory` and what the `machine` has, and `execute` carries it
out, region by region. `metadata` describes results, `targets` says where they may be written, `sources` finds their inputs,
and `writing` writes them in `workspaces`. The `ledger` records finished regions, with `fingerprints` of the inputs. `marker`
proves what gridtrend wrote, `exchange` replaces it, `errors` are the exceptions.
"""

from gridtrend.io.coordinates import find_dim, find_variables, holds_dates, index_by_time
from gridtrend.io.errors import InputError, OutputError, RunError
from gridtrend.io.execute import free_space, read
from gridtrend.io.fingerprints import fingerprint
from gridtrend.io.inputs import list_inputs, open_input
from gridtrend.io.machine import available_memory, available_threads, return_freed_memory
from gridtrend.io.memory import PROCESS_BYTES, process_bytes
from gridtrend.io.metadata import add_grid, describe, history_line
from gridtrend.io.open_grid import open_grid
from gridtrend.io.plan import STRATEGIES, Plan, bytes_with_results, check_tiles, disk_chunks, held_bytes, plan_chunks
from gridtrend.io.sample import count_missing, warn_of_cycle
from gridtrend.io.selection import select
from gridtrend.io.sources import sources
from gridtrend.io.targets import check_output, check_target
from gridtrend.io.workspaces import Workspace, workspace
from gridtrend.io.writing import write

__all__ = [
    "PROCESS_BYTES",
    "STRATEGIES",
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
