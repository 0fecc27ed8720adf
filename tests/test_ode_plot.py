"""The picture of convergence: every method with its rate."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from gridtrend.plot import convergence_plot


@pytest.fixture
def rates():
    step = 0.2 / 2 ** np.arange(4, 11)
    error = np.stack([1.4 * step, 0.9 * step**2])
    coords = {"scheme": ["explicit_euler", "implicit_midpoint"], "step": ("resolution", step)}
    return xr.Dataset({"error": (("scheme", "resolution"), error), "rate": ("scheme", [1.0, 2.0])}, coords)


def test_each_method_is_a_line_that_is_named_with_its_rate(rates, tmp_path):
    figure = convergence_plot(rates, path=tmp_path / "rates.png")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "explicit euler: rate 1.00",
        "implicit midpoint: rate 2.00",
    ]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), rates.error[1])
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")


def test_one_method_needs_no_dimension(rates):
    figure = convergence_plot(rates.isel(scheme=0, drop=True).assign_attrs(method="explicit_euler"))
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "explicit euler: rate 1.00"


def test_many_cells_are_refused(rates):
    with pytest.raises(ValueError, match=r"rates.isel\(lat=0\)"):
        convergence_plot(rates.expand_dims(lat=3))
