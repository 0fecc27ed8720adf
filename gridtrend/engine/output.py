"""What a kernel gives back: names, units and CF attributes of its results, without anything that compiles."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Output:
    """One result variable of a kernel.

    Parameters
    ----------
    name : str
        Name of the variable, and of the kernel's argument that receives it.
    long_name : str
        CF long name; `{data}` stands for the name of the input.
    units : str, optional
        "1", "{units}" (those of the data) or "{slope}" (those of the data per unit of time). None leaves them out.
    dtype : str
        NumPy type.
    dims : tuple of str
        Dimensions ahead of the cells, if any.
    attrs : tuple of (str, value) pairs
        Further CF attributes.
    """

    name: str
    long_name: str
    units: str | None = "1"
    dtype: str = "f8"
    dims: tuple[str, ...] = ()
    attrs: tuple[tuple[str, Any], ...] = ()

    # Of all outputs there are: names that coordinates of the data had better not have.
    names: ClassVar[set[str]] = set()

    def __post_init__(self) -> None:
        self.names.add(self.name)
