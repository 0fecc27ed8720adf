"""Linear two-point boundary value problems, one per cell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.bvp.conditions import PERIODIC, Condition, Coupled, Ends, Value, ends, names
from gridtrend.bvp.linear_problem import LinearProblem, Slot
from gridtrend.bvp.mesh import mesh_of
from gridtrend.bvp.results import ORDERS, solved
from gridtrend.grid.checks import as_dataarray, check_chunks, choose, is_number

MISSING = ("propagate", "trim")


def solve_linear(
    A: Mapping[tuple[str, str], Value],
    q: Mapping[str, Value] | None = None,
    *,
    dim: str,
    left: Condition | None = None,
    right: Condition | None = None,
    coupled: Coupled | None = None,
    order: int = 2,
    breaks: Sequence[float] | None = None,
    missing: str = "propagate",
) -> xr.Dataset:
    """Solve y' = A(x) y + q(x) in every cell, on the nodes that the coefficients are given on.

    No coefficient is ever evaluated off a node, and no node is added, moved or dropped. The box scheme gives order 2;
    orders 4 and 6 come by iterated deferred correction, with integrals of A y + q through 4 or 6 neighbouring nodes.

    Parameters
    ----------
    A : mapping of (state, state) to DataArray or number
        The entries of A that are not zero: `A["y1", "y2"]` is the coefficient of y2 in the equation of y1'. DataArrays have
        `dim`, any other dimensions, or both; dimensions other than `dim` are broadcast. Real or complex, numpy- or
        dask-backed. At least one array of `A` or `q` has `dim` with a coordinate of increasing numbers: the mesh.
    q : mapping of state to DataArray or number, optional
        The entries of q that are not zero.
    dim : str
        The dimension to solve along. It must lie in one dask chunk.
    left, right : mapping of state to value, or list of pairs
        Conditions at the first and the last node: `{"y1": 0.0}`, or for combinations of states
        `[({"y1": 2.0, "y2": 1.0}, 3.0)]`. Coefficients and values are numbers or DataArrays without `dim`.
    coupled : list of pairs or "periodic", optional
        Conditions that couple the two ends, `[({"left": {"y1": 1.0}, "right": {"y1": -1.0}}, 0.0)]`; "periodic" makes all
        states equal at both ends. With `left` and `right` there must be as many conditions as states.
    order : {2, 4, 6}
        Order of accuracy, which takes as many nodes (between breaks). Higher orders need smooth coefficients.
    breaks : sequence of float, optional
        Nodes at which coefficients jump: no quadrature reaches across. A break may occur twice in the mesh, with the
        coefficients of either side; states are continuous there.
    missing : {"propagate", "trim"}
        What a missing (NaN or infinite) coefficient does: make its whole cell missing, or, at one or both ends, end the
        mesh of the cell there, as below topography. Conditions then hold at the first and last node that is left.

    Returns
    -------
    Dataset
        one variable a state : float64 or complex128, shape (..., dim, ...)
            Dimensions in the order of the coefficient along `dim` that has most of them, then those of the others.
        error_estimate : float64, shape (..., state), units of the state
            Largest update, over the nodes, that the rule of the next higher order asks for: the error itself to leading
            order, where coefficients are smooth and resolved.
        residual : float64, shape (..., state), units of the state
            Largest defect of y' = A y + q, integrated over one interval by that rule.
        status : int8
            0 solved; 1 solved, but steps are long for A (spectral radius of h |A| over 2), so that the solution may
            oscillate; 2 solved, but doubtful: the estimated error is above a tenth of the largest value of a state (the
            problem is close to one without a unique solution, or not resolved), or corrections changed no more than what
            they left (coefficients are noisy or not resolved); 3 corrections grew, and the solution of order 2 is
            returned; 4 not converged (nonlinear problems); 5 no unique solution; 6 missing coefficients or conditions, or
            fewer nodes left than the order takes. States are NaN from 4 on.

    Raises
    ------
    TypeError
        If a coefficient is no number and no DataArray of numbers, or a condition is not written as above.
    ValueError
        If the coordinate does not increase, nodes are too few, `dim` is split over chunks, conditions are not as many as
        states or name others, or an option is not known.

    See Also
    --------
    solve : nonlinear problems.
    steady_diffusion : -(k T')' = source, in flux form.

    Notes
    -----
    O(nodes n**3) a cell for n states, by elimination with pivoting, 8 cells at a time; complex states count twice, and a
    condition that couples the ends counts as a further state. Dimensions that only `q` and values of conditions have cost
    O(nodes n**2): their cells share one factorisation. Sweeps of correction stop where updates are rounding, and are taken
    back where updates grow.

    References
    ----------
    Keller, H. B. (1969). Accurate difference methods for linear ordinary differential systems subject to linear
    constraints. SIAM J. Numer. Anal. 6, 8-30. doi:10.1137/0706002

    Pereyra, V. (1968). Iterated deferred corrections for nonlinear boundary value problems. Numer. Math. 11, 111-125.
    doi:10.1007/BF02165307

    Examples
    --------
    Heat conduction, T' = -F / k and F' = 0.01, on a mesh that is as it is:

    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> z = xr.DataArray([0.0, 0.1, 0.3, 0.7, 1.5, 3.0, 5.0, 7.5, 10.0], dims="z")
    >>> k = 2.0 * (1.0 + z.assign_coords(z=z) / 10.0)
    >>> out = gt.bvp.solve_linear({("T", "F"): -1 / k}, {"F": 0.01}, dim="z", left={"T": 280.0}, right={"F": 0.035}, order=6)
    >>> exact = 280.0 + 5.0 * ((0.065 + 0.1) * np.log(1.0 + z / 10.0) - 0.01 * z)
    >>> bool(abs(out["T"] - exact).max() < 2e-5), int(out.status)
    (True, 0)
    """
    order = check_order(order)
    choose("missing", missing, MISSING)
    states = state_names(A, q or {}, left, right)
    equations = state_names(A, q or {}, None, None)
    conditions = ends(states, left, right, coupled, [state for state in states if state not in equations])
    slots = Slots(dim)
    entries = [
        ((states.index(row), states.index(col)), slots.of(a, f"A[{row!r}, {col!r}]")) for (row, col), a in A.items()
    ]
    sources = [(states.index(row), slots.of(a, f"q[{row!r}]")) for row, a in (q or {}).items()]
    nodes = mesh_of(slots.arrays, dim, breaks, order)
    rows, values = slots.of_conditions(conditions)
    problem = LinearProblem(
        nodes, order, len(states), len(states) + len(conditions.carriers), len(conditions.left),
        tuple(entries), tuple(sources), rows, values, slots.is_complex, missing == "trim",
    )  # fmt: skip
    return solved(problem, states, slots.arrays, dim, complex if slots.is_complex else float)


def check_order(order: int) -> int:
    """An order that there is a scheme of."""
    if not is_number(order) or order not in ORDERS:
        raise ValueError(f"order={order!r} is not known; choose from {', '.join(map(str, ORDERS))}.")
    return int(order)


def state_names(
    A: Mapping[tuple[str, str], Value],
    q: Mapping[str, Value],
    left: Condition | None,
    right: Condition | None,
) -> tuple[str, ...]:
    """All states that a problem names, in order of appearance."""
    given: tuple[tuple[str, Any, str], ...] = (("A", A, "{('y1', 'y2'): a}"), ("q", q, "{'y1': q}"))
    for name, value, example in given:
        if not isinstance(value, Mapping):
            raise TypeError(
                f"{name} is {type(value).__name__}; a dict of coefficients by state is expected, such as {example}."
            )
    for key in A:
        if not (isinstance(key, tuple) and len(key) == 2):
            raise TypeError(f"the entries of A are named by pairs of states such as ('y1', 'y2'), not {key!r}.")
    found = [*(row for row, _ in A), *q, *(col for _, col in A), *names(left, right)]
    for state in found:
        if not isinstance(state, str):
            raise TypeError(f"a state is called {state!r}; names are strings, such as 'y1'.")
    return tuple(dict.fromkeys(found))


class Slots:
    """Collects the arrays of a problem; plain numbers become constants."""

    def __init__(self, dim: str):
        self.dim = dim
        self.arrays: list[xr.DataArray] = []
        self.is_complex = False

    def of(self, value: Any, name: str, *, with_nodes: bool = True) -> Slot:
        """The slot of one coefficient."""
        if not isinstance(value, xr.DataArray):
            if np.ndim(value) or np.asarray(value).dtype.kind not in "biufc":
                raise TypeError(
                    f"{name} is {type(value).__name__}; a number or an xarray.DataArray is expected, with named "
                    f"dimensions: {as_dataarray(value, self.dim)}."
                )
            self.is_complex |= bool(np.iscomplexobj(value))
            return Slot(constant=complex(value) if np.iscomplexobj(value) else float(value))
        if value.dtype.kind not in "biufc":
            raise TypeError(f"{name} holds {value.dtype}, and numbers are needed. Convert it with .astype(float).")
        if self.dim in value.dims and not with_nodes:
            raise ValueError(
                f"{name} has the dimension {self.dim!r}, and a condition holds at one node: .isel({self.dim}=0)."
            )
        check_chunks(value, self.dim)
        if "state" in value.dims:
            raise ValueError(
                f"{name} has a dimension 'state', which results have for the error of each state; rename it: "
                "da.rename(state='other')."
            )
        self.is_complex |= value.dtype.kind == "c"
        self.arrays.append(value)
        return Slot(len(self.arrays) - 1, has_nodes=self.dim in value.dims)

    def of_conditions(self, conditions: Ends) -> tuple[tuple[tuple[Slot, ...], ...], tuple[Slot, ...]]:
        """The slots of coefficients and values of all conditions, those at the left first."""
        states = (*conditions.states, *conditions.carriers)
        rows, values = [], []
        for end, group in (("left", conditions.left), ("right", conditions.right)):
            for row in group:
                coefficients: Iterable[Slot] = (
                    self.of(
                        row.coefficients.get(state, 0.0), f"the condition for {state!r} at the {end}", with_nodes=False
                    )
                    for state in states
                )
                rows.append(tuple(coefficients))
                values.append(self.of(row.value, f"the value of a condition at the {end}", with_nodes=False))
        return tuple(rows), tuple(values)


def with_variables(ds: xr.Dataset, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `solve_linear` with the variables of a Dataset wherever one is named in place of a number.

    Raises
    ------
    ValueError
        If the Dataset has no such variable.
    """

    def taken(item: Any) -> Any:
        if isinstance(item, str):
            if item not in ds:
                raise ValueError(f"the Dataset has no variable {item!r}; it has {', '.join(map(str, ds))}.")
            return ds[item]
        if isinstance(item, Mapping):
            return {key: taken(value) for key, value in item.items()}
        if isinstance(item, list | tuple):
            return type(item)(taken(part) for part in item)
        return item

    named = ("A", "q", "left", "right", "coupled")
    return {key: taken(value) if key in named and value != PERIODIC else value for key, value in arguments.items()}
