"""From files and to files: open inputs, find what is in them, plan the reading, write results.

`inputs` opens, `coordinates` finds time and variables, `selection` cuts, `plan` reads in chunks, `metadata` describes
results and `outputs` writes them; `errors` are the two things that go wrong.
"""

from gridtrend.io.coordinates import find_dim, find_variables, holds_dates, index_by_time
from gridtrend.io.errors import InputError, OutputError
from gridtrend.io.inputs import list_inputs, open_input
from gridtrend.io.metadata import add_grid, describe, history_line
from gridtrend.io.outputs import check_output, check_target, write
from gridtrend.io.plan import Plan, available_memory, disk_chunks, plan_chunks, read
from gridtrend.io.selection import select

__all__ = [
    "InputError",
    "OutputError",
    "Plan",
    "add_grid",
    "available_memory",
    "check_output",
    "check_target",
    "describe",
    "disk_chunks",
    "find_dim",
    "find_variables",
    "history_line",
    "holds_dates",
    "index_by_time",
    "list_inputs",
    "open_input",
    "plan_chunks",
    "read",
    "select",
    "write",
]
