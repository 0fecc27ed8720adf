"""A bracket that closes on a slope: what the searches for the slope of a given rank in 16 lanes have in common.

All pair slopes of a cell in ascending order, and the rank r of the one that is wanted:

                                    r
    - - - - - - - - - - - - - - - - | - - - - - - - - - - - - - -     slopes
              [                             ]                         the bracket, from `low` to `high`
      below_low slopes            trial                               a count tells how many slopes lie below the trial
              [                     ^       ]
              [                     ]                                 not below r: the trial is the new upper end

A trial below which fewer than r slopes lie becomes the lower end, any other trial the upper end. When few slopes are left
in the bracket it is *closed*: they are listed, computed from the data, and the one of rank r - below_low is selected. The
trials only steer, so that the answer is the same for every choice of them.

Two searches work like this, and supply how slopes are counted and listed, and where the next trial lies:
`slope_search_lanes` for one series a cell, and `slope_search_groups` for several.

Slopes of exactly 0 may be many (rain, snow, ice at the freezing point), and no bracket would ever hold few of them. How many
slopes lie below, at and above 0 is known from the score S: a rank among the zeros has the slope 0, and a bracket starts or
ends at 0 otherwise.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import vector_float64, vector_int64
from gridtrend.engine.unit import unit

# State of a lane. CLOSED: the slopes in its bracket are listed next. GIVEN_UP: all slopes of the cell are listed, or its
# series are searched one by one.
OPEN, CLOSED, FOUND, GIVEN_UP = 0, 1, 2, 3

# For each lane: the ends of the bracket, the number of slopes below each end, and the state.
Bracket = namedtuple("Bracket", "low high below_low below_high state")
# For each lane: the number of all pairs, of those with a negative slope, and of those with slope 0.
Pairs = namedtuple("Pairs", "total down ties")


@unit
def new_bracket():
    """Memory for the brackets of a tile."""
    return Bracket(
        vector_float64(LANES), vector_float64(LANES), vector_int64(LANES), vector_int64(LANES), vector_int64(LANES)
    )


@unit(allocates=False)
def open_brackets(bracket, rank, pairs, searchable, farthest, value):
    """Open a bracket in each lane that is `searchable`, unless the answer is known without a search.

    Answers are known where the rank does not exist (NaN), and among the slopes of 0. Other lanes are given up: their `value`
    is inf. So are ranks between two slopes on different sides of 0. No slope lies beyond `farthest`, which is inf where a
    bracket must have found an end of its own before its slopes can be listed. Returns whether any lane is open.
    """
    any_open = False
    for k in range(LANES):
        total, below_zero = pairs.total[k], pairs.down[k]
        not_above_zero = below_zero + pairs.ties[k]
        bracket.low[k], bracket.below_low[k] = -farthest, 0
        bracket.high[k], bracket.below_high[k] = farthest, total
        bracket.state[k], value[k] = GIVEN_UP, np.inf
        if not 1.0 <= rank[k] <= total:
            bracket.state[k], value[k] = FOUND, np.nan
            continue
        first, last = math.floor(rank[k]), math.ceil(rank[k])
        if below_zero < first and last <= not_above_zero:
            bracket.state[k], value[k] = FOUND, 0.0
        elif searchable[k] and last <= below_zero:
            bracket.state[k], bracket.high[k], bracket.below_high[k] = OPEN, 0.0, below_zero
        elif searchable[k] and first > not_above_zero:
            bracket.state[k], bracket.low[k], bracket.below_low[k] = OPEN, 0.0, not_above_zero
        any_open |= bracket.state[k] == OPEN
    return any_open


@unit(allocates=False)
def narrow(bracket, rank, trial, below, few):
    """Move an end of each open bracket to its trial, below which `below` slopes lie; close brackets of at most `few` slopes.

    Trials outside their bracket, and NaN, move nothing. Returns whether any lane is still open.
    """
    still_open = False
    for k in range(LANES):
        if bracket.state[k] != OPEN:
            continue
        if bracket.low[k] < trial[k] < bracket.high[k]:
            if below[k] < math.floor(rank[k]):
                bracket.low[k], bracket.below_low[k] = trial[k], below[k]
            elif below[k] >= math.ceil(rank[k]):
                bracket.high[k], bracket.below_high[k] = trial[k], below[k]
        bounded = math.isfinite(bracket.low[k]) and math.isfinite(bracket.high[k])
        if bounded and bracket.below_high[k] - bracket.below_low[k] <= few:
            bracket.state[k] = CLOSED
        still_open |= bracket.state[k] == OPEN
    return still_open


@unit(allocates=False)
def is_given_up(values, k):
    """Whether a rank of lane `k` was not found."""
    given_up = False
    for target in range(values.shape[0]):
        given_up |= math.isinf(values[target, k])
    return given_up


@unit(allocates=False)
def give_up_all(values):
    """Mark all ranks as not found."""
    for target in range(values.shape[0]):
        for k in range(LANES):
            values[target, k] = np.inf
