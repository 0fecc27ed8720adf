"""Two states with one condition at each end, the most frequent problem: `elimination` written out, 2.5 times as fast.

All numbers of a node stay in registers, and each pass along the mesh does several steps. The matrix has all four entries and
both sources: rows 4 i to 4 i + 3 of `a`, 2 i and 2 i + 1 of `q`.
"""

from gridtrend.engine.jit import inlined
from gridtrend.engine.lanes import (
    add,
    divide,
    load_narrow,
    magnitude,
    multiply,
    multiply_add,
    spread,
    store,
    subtract,
    where_less,
)
from gridtrend.engine.unit import unit


@inlined
def _larger(a, b):
    return where_less(a, b, b, a)


@unit
def derivatives(a, q, y, f):
    """F = A y + q at every node."""
    for i in range(y.shape[0] // 2):
        u, v = load_narrow(y, 2 * i), load_narrow(y, 2 * i + 1)
        for s in range(2):
            total = add(multiply(load_narrow(a, 4 * i + 2 * s), u), multiply(load_narrow(a, 4 * i + 2 * s + 1), v))
            store(f, 2 * i + s, add(total, load_narrow(q, 2 * i + s)))


@inlined
def _rows(p0, q0, p1, q1, p2, q2):
    """Left inverse of two columns p, q of three rows, and the row that annihilates both: w = p x q, scaled.

    Components of w are the minors of the rows; the largest one selects the two rows for the inverse.
    """
    zero, one = spread(0.0), spread(1.0)
    w0 = subtract(multiply(p1, q2), multiply(p2, q1))
    w1 = subtract(multiply(p2, q0), multiply(p0, q2))
    w2 = subtract(multiply(p0, q1), multiply(p1, q0))
    m0, m1, m2 = magnitude(w0), magnitude(w1), magnitude(w2)
    m12 = where_less(m1, m2, m2, m1)
    largest = where_less(m0, m12, where_less(m1, m2, w2, w1), w0)
    inverse = divide(one, largest)
    # 1 / minor in the largest component, zero in the others.
    e0 = where_less(m0, m12, zero, inverse)
    rest = where_less(m0, m12, inverse, zero)
    e1 = where_less(m1, m2, zero, rest)
    e2 = where_less(m1, m2, rest, zero)
    # Rows of the inverse of the two selected rows: q x e and e x p.
    t00 = subtract(multiply(q1, e2), multiply(q2, e1))
    t01 = subtract(multiply(q2, e0), multiply(q0, e2))
    t02 = subtract(multiply(q0, e1), multiply(q1, e0))
    t10 = subtract(multiply(e1, p2), multiply(e2, p1))
    t11 = subtract(multiply(e2, p0), multiply(e0, p2))
    t12 = subtract(multiply(e0, p1), multiply(e1, p0))
    scale = magnitude(inverse)
    return t00, t01, t02, t10, t11, t12, multiply(w0, scale), multiply(w1, scale), multiply(w2, scale)


@unit(deferred=True)
def eliminate(x, a, q, weights, left, forward, back, reach, carried, d, top):
    """Eliminate all intervals, carrying one row (p0, q0), and do the first forward sweep, from states of zero, on the way.

    Done here, that sweep takes a third of its time in `forward_sweep`. Both must agree to the bit, because right-hand sides
    that share a matrix use `forward_sweep`; hence `multiply_add`, which rounds once on every machine.
    """
    zero, one = spread(0.0), spread(1.0)
    most_u, most_v = zero, zero
    c = load_narrow(carried, 0)
    p0, q0 = load_narrow(left, 0), load_narrow(left, 1)
    most11, most12, most21, most22 = zero, zero, zero, zero
    for i in range(x.size - 1):
        half = spread(0.5 * (x[i + 1] - x[i]))
        a11, a12 = multiply(half, load_narrow(a, 4 * i)), multiply(half, load_narrow(a, 4 * i + 1))
        a21, a22 = multiply(half, load_narrow(a, 4 * i + 2)), multiply(half, load_narrow(a, 4 * i + 3))
        b11, b12 = multiply(half, load_narrow(a, 4 * i + 4)), multiply(half, load_narrow(a, 4 * i + 5))
        b21, b22 = multiply(half, load_narrow(a, 4 * i + 6)), multiply(half, load_narrow(a, 4 * i + 7))
        most11 = _larger(most11, _larger(magnitude(a11), magnitude(b11)))
        most12 = _larger(most12, _larger(magnitude(a12), magnitude(b12)))
        most21 = _larger(most21, _larger(magnitude(a21), magnitude(b21)))
        most22 = _larger(most22, _larger(magnitude(a22), magnitude(b22)))
        p1, q1 = subtract(subtract(zero, one), a11), subtract(zero, a12)
        p2, q2 = subtract(zero, a21), subtract(subtract(zero, one), a22)
        t00, t01, t02, t10, t11, t12, w0, w1, w2 = _rows(p0, q0, p1, q1, p2, q2)
        r11, r12, r21, r22 = subtract(one, b11), subtract(zero, b12), subtract(zero, b21), subtract(one, b22)
        p0 = add(multiply(w1, r11), multiply(w2, r21))
        q0 = add(multiply(w1, r12), multiply(w2, r22))
        store(forward, 9 * i, t00)
        store(forward, 9 * i + 1, t01)
        store(forward, 9 * i + 2, t02)
        store(forward, 9 * i + 3, t10)
        store(forward, 9 * i + 4, t11)
        store(forward, 9 * i + 5, t12)
        store(forward, 9 * i + 6, w0)
        store(forward, 9 * i + 7, w1)
        store(forward, 9 * i + 8, w2)
        store(back, 4 * i, add(multiply(t01, r11), multiply(t02, r21)))
        store(back, 4 * i + 1, add(multiply(t01, r12), multiply(t02, r22)))
        store(back, 4 * i + 2, add(multiply(t11, r11), multiply(t12, r21)))
        store(back, 4 * i + 3, add(multiply(t11, r12), multiply(t12, r22)))
        u = _integral(weights[i, 0], weights[i, 1], q, 2 * i)
        v = _integral(weights[i, 0], weights[i, 1], q, 2 * i + 1)
        most_u, most_v = _larger(most_u, magnitude(u)), _larger(most_v, magnitude(v))
        store(d, 2 * i, _row(t00, t01, t02, c, u, v))
        store(d, 2 * i + 1, _row(t10, t11, t12, c, u, v))
        c = _row(w0, w1, w2, c, u, v)
    store(left, 0, p0)
    store(left, 1, q0)
    store(reach, 0, most11)
    store(reach, 1, most12)
    store(reach, 2, most21)
    store(reach, 3, most22)
    store(carried, 0, c)
    store(top, 0, most_u)
    store(top, 1, most_v)


@inlined
def _integral(left, right, q, row):
    """Integral of a source over an interval by a rule through its two nodes."""
    return multiply_add(spread(right), load_narrow(q, row + 2), multiply(spread(left), load_narrow(q, row)))


@inlined
def _row(t0, t1, t2, c, u, v):
    """A row of `forward` times the carried right-hand side and those of an interval."""
    return multiply_add(t0, c, multiply_add(t1, u, multiply(t2, v)))


@unit
def forward_sweep(weights, first, y, f, forward, carried, d, top):
    """Defects of the states y under a rule, their largest magnitudes in `top`, and their forward sweep in `d`."""
    most_u, most_v = spread(0.0), spread(0.0)
    c = load_narrow(carried, 0)
    for i in range(first.size):
        u = subtract(load_narrow(y, 2 * i), load_narrow(y, 2 * i + 2))
        v = subtract(load_narrow(y, 2 * i + 1), load_narrow(y, 2 * i + 3))
        at = 2 * first[i]
        for k in range(weights.shape[1]):
            weight = spread(weights[i, k])
            u, v = multiply_add(weight, load_narrow(f, at), u), multiply_add(weight, load_narrow(f, at + 1), v)
            at += 2
        most_u, most_v = _larger(most_u, magnitude(u)), _larger(most_v, magnitude(v))
        at = 9 * i
        for r in range(2):
            t0, t1, t2 = load_narrow(forward, at), load_narrow(forward, at + 1), load_narrow(forward, at + 2)
            store(d, 2 * i + r, _row(t0, t1, t2, c, u, v))
            at += 3
        c = _row(load_narrow(forward, at), load_narrow(forward, at + 1), load_narrow(forward, at + 2), c, u, v)
    store(carried, 0, c)
    store(top, 0, most_u)
    store(top, 1, most_v)


@unit
def backward_sweep(back, n_nodes, d, top, mean):
    """All states, from the last node back to the first; also the largest and mean magnitude of each state."""
    u, v = load_narrow(d, 2 * n_nodes - 2), load_narrow(d, 2 * n_nodes - 1)
    most_u, most_v = magnitude(u), magnitude(v)
    sum_u, sum_v = most_u, most_v
    for i in range(n_nodes - 2, -1, -1):
        at = 4 * i
        above = add(multiply(load_narrow(back, at), u), multiply(load_narrow(back, at + 1), v))
        below = add(multiply(load_narrow(back, at + 2), u), multiply(load_narrow(back, at + 3), v))
        u, v = subtract(load_narrow(d, 2 * i), above), subtract(load_narrow(d, 2 * i + 1), below)
        store(d, 2 * i, u)
        store(d, 2 * i + 1, v)
        size_u, size_v = magnitude(u), magnitude(v)
        most_u, most_v = _larger(most_u, size_u), _larger(most_v, size_v)
        sum_u, sum_v = add(sum_u, size_u), add(sum_v, size_v)
    share = spread(1.0 / n_nodes)
    store(top, 0, most_u)
    store(top, 1, most_v)
    store(mean, 0, multiply(sum_u, share))
    store(mean, 1, multiply(sum_v, share))
