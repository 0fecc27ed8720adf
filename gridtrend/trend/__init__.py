"""Trends: is a series changing, by how much, and how sure are we?

Public functions stand in modules named for what they do, what the methods of `mann_kendall` do in `serial_correlation`,
what all run on blocks of cells in `kernels`. `gridtrend.public` lists them.
"""

from importlib import import_module

from gridtrend import public as _public

__all__ = list(_public.members("trend"))

# All at once: a module that has the name of its function would hide it if it were imported later.
for _name, _module in _public.members("trend").items():
    globals()[_name] = getattr(import_module(f"gridtrend.{_module}"), _name)
