"""`.gridtrend` on DataArrays and Datasets, there as soon as xarray is, and loaded when it is used.

Importing xarray takes half a second and numba one more: neither is imported here.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Accessor:
    """Stands for a class of `gridtrend.accessor` until somebody calls it, or looks at it."""

    def __init__(self, name: str):
        self._name = name

    def _load(self) -> Any:
        return getattr(import_module("gridtrend.accessor"), self._name)

    def __call__(self, data: Any) -> Any:
        return self._load()(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._load(), name)


class _AwaitXarray(MetaPathFinder):
    """Finds nothing by itself: attaches the accessors when xarray has been imported."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Let the others find xarray."""
        if name != "xarray":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def execute_and_attach(module: ModuleType) -> None:
                del loader.exec_module
                execute(module)
                _attach(module)

            loader.exec_module = execute_and_attach
        return spec


def _attach(xarray: Any) -> None:
    xarray.register_dataarray_accessor("gridtrend")(_Accessor("DataArrayAccessor"))
    xarray.register_dataset_accessor("gridtrend")(_Accessor("DatasetAccessor"))


def attach_accessors() -> None:
    """Register `.gridtrend` with xarray, now or when somebody imports it."""
    if "xarray" in sys.modules:
        _attach(sys.modules["xarray"])
    else:
        sys.meta_path.insert(0, _AwaitXarray())
