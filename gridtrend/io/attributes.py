"""Attributes of files as the conventions want them: what should be text is text, what names variables names some."""

import re
from typing import Any

import numpy as np
import xarray as xr

# Text by the conventions. Files have numbers there too: 1 for "1", and worse.
TEXT = ("units", "long_name", "standard_name", "calendar", "axis", "positive", "cell_methods", "grid_mapping_name")
# Text that names variables.
NAMES = (
    "coordinates",
    "bounds",
    "climatology",
    "grid_mapping",
    "cell_measures",
    "ancillary_variables",
    "formula_terms",
)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def tidy_attributes(dataset: xr.Dataset) -> xr.Dataset:
    """Make attributes text where they must be, and drop those that make no sense.

    Characters that control a terminal become spaces.
    """
    tidied = {
        name: xr.Variable(variable.dims, variable._data, _tidied(dataset, variable), variable.encoding)
        for name, variable in dataset.variables.items()
        if any(not _is_clean(value) for key, value in variable.attrs.items() if key in TEXT + NAMES)
        or ({"bounds", "climatology"} & set(variable.attrs))
    }
    attrs = {key: _one_line(value) if key == "title" else value for key, value in dataset.attrs.items()}
    # What xarray is to set as coordinates of all variables must be text as well.
    attrs = {key: value for key, value in attrs.items() if key not in NAMES or isinstance(value, str)}
    return dataset.assign(tidied).drop_attrs(deep=False).assign_attrs(attrs)


def _is_clean(value: Any) -> bool:
    return isinstance(value, str) and not CONTROL.search(value)


def _one_line(value: Any) -> Any:
    return CONTROL.sub(" ", value).strip() if isinstance(value, str) else value


def _tidied(dataset: xr.Dataset, variable: xr.Variable) -> dict[Any, Any]:
    attrs = {}
    for key, value in variable.attrs.items():
        if key in TEXT and (text := as_text(value)) is not None:
            attrs[key] = text
        elif key in NAMES and isinstance(value, str):
            attrs[key] = _one_line(value)
        elif key not in TEXT + NAMES:
            attrs[key] = value
    for key in ("bounds", "climatology"):
        described = dataset.variables.get(attrs.get(key))
        # xarray gives bounds the units of the times that they bound, whatever they hold.
        if described is not None and described.dtype.kind not in "iufM":
            del attrs[key]
    return attrs


def as_text(value: Any) -> str | None:
    """An attribute as text, None where that is no word of anything.

    Examples
    --------
    >>> as_text(1), as_text(" K "), as_text(float("nan")), as_text([1, 2])
    ('1', 'K', None, None)
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return CONTROL.sub(" ", value).strip()
    if np.size(value) != 1 or np.asarray(value).dtype.kind not in "iufb":
        return None
    number = float(np.asarray(value).item())
    return f"{number:g}" if np.isfinite(number) else None
