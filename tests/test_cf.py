"""Names, units and attributes of results."""

import numpy as np
import pytest

from gridtrend.engine.output import Output
from gridtrend.grid.cf import data_name, output_attrs, slope_units, temperature_kind

SLOPE = Output("slope", "slope of {data}", units="{slope}")
LEVEL = Output("intercept", "intercept of {data}", units="{units}")
FLAG = Output("trend", "trend of {data}", units=None, dtype="i1", attrs=(("flag_values", (-1, 0, 1)),))


@pytest.mark.parametrize(
    ("name", "attrs", "expected"),
    [
        ("tas", {"long_name": "air temperature", "standard_name": "air_temperature"}, "air temperature"),
        ("tas", {"standard_name": "sea_ice_area"}, "sea ice area"),
        ("tas", {"long_name": ""}, "tas"),
        ("tas", {}, "tas"),
        (3, {}, "3"),
        (None, {}, "the data"),
    ],
)
def test_data_are_called_by_the_best_name_they_have(name, attrs, expected):
    assert data_name(name, attrs) == expected


@pytest.mark.parametrize(
    ("units", "per", "expected"),
    [
        ("m", "year", "m year-1"),
        ("kg m-2 s-1", "year", "kg m-2 s-1 year-1"),
        ("mm", "day", "mm day-1"),
        ("K", "year", "K year-1"),
        ("degC", "year", "K year-1"),
        ("degrees_celsius", "year", "K year-1"),
        ("Celsius", "month", "K month-1"),
        ("°C", "year", "K year-1"),
        ("degF", "year", "degF year-1"),
        ("1", "year", "year-1"),
        ("", "year", "year-1"),
        ("%", "year", "% year-1"),
        ("m", "step", "m"),
        ("m", "", "m"),
        ("1", "step", "1"),
        ("", "", "1"),
        (None, "year", None),
    ],
)
def test_a_slope_has_the_units_of_its_data_per_time(units, per, expected):
    assert slope_units(units, per) == expected


@pytest.mark.parametrize("units", ["K", "kelvin", "degC", "Celsius", "degF", "°C"])
def test_a_difference_of_temperatures_is_told_from_a_temperature(units):
    assert temperature_kind(units, "{slope}") == {"units_metadata": "temperature: difference"}
    assert temperature_kind(units, "{units}") == {"units_metadata": "temperature: on_scale"}


@pytest.mark.parametrize("units", [None, "m", "1", "K m-2"])
def test_other_quantities_have_no_kind_of_temperature(units):
    assert temperature_kind(units, "{slope}") == {}


def test_a_slope_tells_what_it_is_of_and_per():
    assert output_attrs(SLOPE, "rain {mm}", "mm", "year") == {
        "long_name": "slope of rain {mm}",
        "units": "mm year-1",
    }
    assert output_attrs(SLOPE, "rain", "mm", "step")["comment"] == "change per step"
    assert output_attrs(SLOPE, "rain", "mm", "")["comment"] == "change per unit of the coordinate"


def test_unknown_units_stay_unknown():
    for output in (SLOPE, LEVEL):
        assert "units" not in output_attrs(output, "rain", None, "year")
    assert output_attrs(Output("s", "S"), "rain", None, "year")["units"] == "1"


def test_an_intercept_is_on_the_scale_of_its_data():
    attrs = output_attrs(LEVEL, "tas", "degC", "year")
    assert attrs["units"] == "degC"
    assert attrs["units_metadata"] == "temperature: on_scale"


def test_a_flag_has_values_of_its_own_type_and_no_units():
    attrs = output_attrs(FLAG, "tas", "K", "year")
    assert "units" not in attrs
    assert attrs["flag_values"].dtype == np.int8
    assert attrs["flag_values"].tolist() == [-1, 0, 1]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (np.array([1, 2]), None),
        ([1.5], "1.5 year-1"),
        (np.array(["kg", "m-2"], object), None),
        (np.array([]), None),
        (np.array([1, np.nan]), None),
        ("\x1b[31mK", "K year-1"),
        ("\x1b[1;31mmm\x1b[0m day-1\n", "mm day-1 year-1"),
        ("kg\nm-2", "kg m-2 year-1"),
        ("K\u202e\x00", "K year-1"),
        (b"m\x07", "m year-1"),
        # UDUNITS takes what is in parentheses as one unit, and whatever follows as a factor.
        ("K/yr", "(K/yr) year-1"),
        ("1/s", "(1/s) year-1"),
        ("W/(m2 sr)", "(W/(m2 sr)) year-1"),
    ],
)
def test_odd_units_are_kept_and_steer_nothing(units, expected):
    assert slope_units(units, "year") == expected
    stored = output_attrs(LEVEL, "x", units, "year").get("units")
    assert stored is None or stored.isprintable()


def test_names_steer_nothing():
    assert data_name("x", {"long_name": "\x1b[31mair\n temperature\x07"}) == "air  temperature"
    assert data_name("x", {"long_name": "\x1b[2J"}) == "x"
    # Joiners are parts of words.
    assert (
        data_name("x", {"long_name": "\u0645\u06cc\u200c\u062f\u0645\u0627"}) == "\u0645\u06cc\u200c\u062f\u0645\u0627"
    )
