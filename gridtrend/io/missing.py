"""Which values count as missing: what a variable declares as fill values, missing values and as its valid range.

`_FillValue` and `missing_value` are decoded by xarray; what xarray passes over is decoded here by the rules of the NetCDF
Users' Guide, as netCDF4 does: `valid_range`, `valid_min`, `valid_max`, and the value that the netCDF library leaves in
cells that were never written.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from gridtrend.io.errors import InputError

FILL_KEYS = ("_FillValue", "missing_value")
RANGE_KEYS = ("valid_range", "valid_min", "valid_max")
PACKING_KEYS = ("scale_factor", "add_offset", "_Unsigned")
# All that decoding a field of numbers depends on.
NUMBER_KEYS = FILL_KEYS + RANGE_KEYS + PACKING_KEYS


def decode_variable(name: str, raw: xr.Variable, *, unwritten: bool, **options: Any) -> xr.Variable:
    """Decode a variable by the CF conventions, lazily; what it declares as missing becomes NaN.

    Parameters
    ----------
    name : str
        For messages.
    raw : Variable
        As it is stored.
    unwritten : bool
        Whether cells that were never written hold the fill value of the netCDF library, where no other is declared.
    **options
        Of `xarray.conventions.decode_cf_variable`.
    """
    raw = _tidy(name, raw)
    valid = _declared(name, raw, unwritten=unwritten) if raw.dtype.kind in "iuf" else Valid()
    decoded = _by_conventions(name, raw, **options)
    if valid == Valid() or decoded.dtype.kind not in "iuf":
        return decoded
    moved = {key: decoded.attrs[key] for key in RANGE_KEYS if key in decoded.attrs}
    attrs = {key: value for key, value in decoded.attrs.items() if key not in moved}
    data = indexing.LazilyIndexedArray(ValidArray(name, raw, valid, decoded.dtype))
    # In the attributes, a range of packed values would be wrong for the unpacked ones.
    return xr.Variable(decoded.dims, data, attrs, decoded.encoding | moved)


def _by_conventions(name: str, raw: xr.Variable, **options: Any) -> xr.Variable:
    with warnings.catch_warnings():
        # Several fill values are no problem, and dates beyond 1678 to 2262 are read as cftime.
        warnings.simplefilter("ignore", xr.SerializationWarning)
        decoded: xr.Variable = xr.conventions.decode_cf_variable(
            name, raw, **({"decode_times": False, "decode_timedelta": False} | options)
        )
    return decoded


def with_fill_value(name: str, raw: xr.Variable, *, unwritten: bool) -> xr.Variable:
    """A variable that xarray is to decode, such as times, with a fill value that it understands."""
    tidied = _tidy(name, raw)
    if unwritten and raw.dtype.kind == "f" and "_FillValue" not in tidied.attrs and raw.ndim:
        tidied.attrs["_FillValue"] = _unwritten(raw)
    return tidied


@dataclass(frozen=True)
class Valid:
    """What values must be.

    Parameters
    ----------
    low, high : number, optional
        The valid range.
    fill : number, optional
        What cells hold that were never written.
    low_unpacked, high_unpacked : bool
        Whether limits are those of decoded values, not of stored ones.
    """

    low: Any = None
    high: Any = None
    fill: Any = None
    low_unpacked: bool = False
    high_unpacked: bool = False

    @property
    def bounded(self) -> bool:
        """Whether there is a range."""
        return self.low is not None or self.high is not None

    def outside(self, stored: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Which values are missing."""
        found = np.zeros(stored.shape, bool)
        tests = (
            (decoded if self.low_unpacked else stored, self.low, np.less),
            (decoded if self.high_unpacked else stored, self.high, np.greater),
            (stored, self.fill, np.equal),
        )
        with np.errstate(invalid="ignore"):
            for values, limit, beyond in tests:
                if limit is not None:
                    found |= beyond(values, limit)
        return found


class ValidArray(BackendArray):
    """What a lazy variable decodes to, with NaN for values outside its valid range."""

    def __init__(self, name: str, raw: xr.Variable, valid: Valid, dtype: np.dtype[Any]):
        self.name = name
        self.raw = raw
        self.valid = valid
        self.shape = raw.shape
        self.dtype = _with_nan(dtype) if valid.bounded else dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        raw = self.raw[key].load()
        stored = np.asarray(raw.values)
        decoded = np.asarray(_by_conventions(self.name, raw).values)
        outside = self.valid.outside(_as_declared(stored, _stored_type(self.raw)), decoded)
        if outside.any():
            if self.dtype.kind != "f":
                raise _never_written(self.name, self.dtype, self.valid.fill)
            # What was read may be shared with a store in memory.
            decoded = np.where(outside, np.nan, decoded)
        return decoded.astype(self.dtype, copy=False)


def refuse_unwritten(array: xr.DataArray) -> None:
    """Refuse a series of whole numbers that is to be analysed, where part of it was never written.

    Grids are looked at when they are read, see `decode_variable`; counters and the like, which nobody analyses, are not.
    """
    in_store = "chunks" in array.encoding and "chunksizes" not in array.encoding
    if array.ndim == 1 and array.dtype.kind in "iu" and not in_store:
        fill = _unwritten(array.variable)
        if fill is not None and bool((array.values == fill).any()):
            raise _never_written(str(array.name), array.dtype, fill)


def _never_written(name: str, dtype: np.dtype[Any], fill: Any) -> InputError:
    return InputError(
        f"variable '{name}' holds {fill}, which the netCDF library leaves where nothing was written, and declares no "
        f"_FillValue: declare it, with `ncatted -a _FillValue,{name},c,{_nco_type(dtype)},{fill} FILE`"
    )


def _as_declared(stored: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Signed bytes as unsigned ones, or the other way, where the file says so."""
    return stored if stored.dtype == dtype else stored.view(dtype.newbyteorder(stored.dtype.byteorder))


def _nco_type(dtype: np.dtype[Any]) -> str:
    return {"i2": "s", "i4": "l", "u2": "us", "u4": "ul", "i8": "ll", "u8": "ull"}.get(dtype.str[1:], "d")


def _with_nan(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The floating type that holds these numbers and NaN, as xarray chooses it."""
    if dtype.kind == "f":
        return dtype
    return np.dtype("f4" if dtype.itemsize <= 2 else "f8")


def _tidy(name: str, raw: xr.Variable) -> xr.Variable:
    """Cast fill values to the type of the data, for -99.9 in float64 equals no float32; drop what is no number."""
    attrs = dict(raw.attrs)
    for key in (*FILL_KEYS, *RANGE_KEYS, *PACKING_KEYS[:2]):
        if key not in attrs or raw.dtype.kind not in "iuf":
            continue
        try:
            values = np.atleast_1d(np.asarray(attrs[key], float if key in PACKING_KEYS else None))
            values = values if values.dtype.kind in "iufb" else values.astype(float)
        except (TypeError, ValueError):
            values = np.array([])
        if not values.size or (key in PACKING_KEYS and values.size > 1):
            _not_used(name, key, attrs.pop(key), "which is no number")
        elif key in FILL_KEYS:
            fitting = _fitting(values, raw.dtype)
            if not fitting.size and _stored_type(raw) != raw.dtype:
                # As an unsigned number, which is how xarray takes it.
                fitting = _fitting(values, _stored_type(raw)).view(raw.dtype.newbyteorder("="))
            if not fitting.size:
                _not_used(name, key, attrs.pop(key), f"which is no {raw.dtype}")
            else:
                attrs[key] = fitting[0] if fitting.size == 1 or key == "_FillValue" else fitting
        elif key in PACKING_KEYS:
            attrs[key] = np.atleast_1d(attrs[key])[0] if np.size(attrs[key]) else attrs[key]
            if isinstance(attrs[key], str):
                attrs[key] = float(attrs[key])
            if not np.isfinite(values[0]):
                _noted(name, key, values[0], "which is not finite: all values are missing")
            elif key == "scale_factor" and values[0] == 0:
                _noted(name, key, values[0], "by which all values are equal")
        else:
            attrs[key] = values
    return xr.Variable(raw.dims, raw._data, attrs, raw.encoding)


def _not_used(name: str, key: str, value: Any, why: str) -> None:
    _noted(name, key, value, f"{why}: it is not used")


def _noted(name: str, key: str, value: Any, what: str) -> None:
    warnings.warn(f"{key} of '{name}' is '{value}', {what}", stacklevel=3)


def _fitting(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Values that the type can hold, in that type; those of floating types are rounded."""
    kind: np.dtype[Any] = dtype.newbyteorder("=")
    with np.errstate(all="ignore"):
        cast = values.astype(kind)
    fitting: np.ndarray = cast if kind.kind == "f" else cast[cast == values]
    return fitting


def _declared(name: str, raw: xr.Variable, *, unwritten: bool) -> Valid:
    """What the attributes say of valid values."""
    (low, low_unpacked), (high, high_unpacked) = _limits(name, raw)
    # Whole numbers of no or one dimension are often never written: grid mappings, counters. Packed ones are data.
    masked = raw.dtype.kind == "f" or raw.ndim > 1 or any(key in raw.attrs for key in PACKING_KEYS[:2])
    fill = _unwritten(raw) if unwritten and masked and "_FillValue" not in raw.attrs else None
    return Valid(low, high, fill, low_unpacked, high_unpacked)


def _limits(name: str, raw: xr.Variable) -> list[tuple[Any, bool]]:
    """Lowest and highest valid value, None where there is none, and whether it is one of unpacked values."""
    limits = []
    declared = _declared_limits(name, raw)
    for key, value in declared:
        unpacked = value is not None and _is_unpacked(name, key, value, raw)
        limits.append((value if unpacked else _as_stored(name, key, value, raw), unpacked))
    (low, low_unpacked), (high, high_unpacked) = limits
    if low is not None and high is not None and low_unpacked == high_unpacked and low > high:
        keys = " and ".join(dict.fromkeys(key for key, _ in declared))
        _noted(name, keys, f"{low}, {high}", "in which the lower limit is above the upper one: all values are missing")
    return limits


def _declared_limits(name: str, raw: xr.Variable) -> list[tuple[str, Any]]:
    """Which attribute says what of the lower and the upper limit; what they say in vain is noted."""
    pair = raw.attrs.get("valid_range")
    if pair is not None and pair.size != 2:
        _not_used(name, "valid_range", _listed(pair), "which is no pair of limits")
    elif pair is not None and np.isnan(pair).any():
        _not_used(name, "valid_range", _listed(pair), "of which one is no number")
    elif pair is not None:
        for key, value in zip(("valid_min", "valid_max"), pair, strict=True):
            if key in raw.attrs and not (raw.attrs[key] == value).all():
                _not_used(name, key, _listed(raw.attrs[key]), "and valid_range comes first")
        return [("valid_range", value) for value in pair]
    found = []
    for key in ("valid_min", "valid_max"):
        value = raw.attrs.get(key)
        if value is not None and (value.size != 1 or np.isnan(value).any()):
            _not_used(name, key, _listed(value), "which is no number")
            value = None
        found.append((key, None if value is None else value[0]))
    return found


def _fits(values: np.ndarray, dtype: np.dtype[Any]) -> bool:
    return _fitting(values, dtype).size == values.size


def _listed(values: np.ndarray) -> str:
    return ", ".join(map(str, values))


def _as_stored(name: str, key: str, value: Any, raw: xr.Variable) -> Any:
    """A limit in the type of the data, in which it is compared; None where there is none."""
    if value is None or np.isinf(value):
        return None
    fitting = _as_declared(_fitting(np.atleast_1d(value), raw.dtype), _stored_type(raw))
    if not fitting.size:
        fitting = _fitting(np.atleast_1d(value), _stored_type(raw))
    if not fitting.size and raw.dtype.kind in "iu" and np.asarray(value).dtype.kind == "f":
        # Whole numbers are compared with any other as it is.
        return value
    if not fitting.size:
        _not_used(name, key, value, f"which is no {_stored_type(raw)}")
        return None
    return fitting[0]


def _stored_type(raw: xr.Variable) -> np.dtype[Any]:
    """The type of the packed values, with `_Unsigned` taken into account."""
    kind: np.dtype[Any] = raw.dtype
    unsigned = str(raw.attrs.get("_Unsigned", "")).lower()
    if raw.dtype.kind == "i" and unsigned == "true":
        return np.dtype(f"u{raw.dtype.itemsize}")
    if raw.dtype.kind == "u" and unsigned == "false":
        return np.dtype(f"i{raw.dtype.itemsize}")
    return kind


def _is_unpacked(name: str, key: str, limit: Any, raw: xr.Variable) -> bool:
    """Whether a limit is one of unpacked values: of a floating type, where whole numbers are packed.

    By the NetCDF Users' Guide it has the type of the packing then; a limit with a fraction can mean nothing else.
    """
    packing = [np.asarray(raw.attrs[key]).dtype for key in ("scale_factor", "add_offset") if key in raw.attrs]
    if raw.dtype.kind not in "iu" or not packing or limit.dtype.kind != "f" or np.isinf(limit):
        return False
    if limit.dtype != np.result_type(*packing) and _fits(raw.attrs[key], _stored_type(raw)):
        _noted(
            name,
            key,
            _listed(raw.attrs[key]),
            f"of another type than {_stored_type(raw)}: it is taken for unpacked values",
        )
    return True


def _unwritten(raw: xr.Variable) -> Any:
    """What the netCDF library leaves in cells that were never written; bytes have no such value."""
    import netCDF4

    if raw.dtype.itemsize == 1:
        return None
    value = netCDF4.default_fillvals.get(raw.dtype.str[1:])
    return None if value is None else raw.dtype.newbyteorder("=").type(value)
