"""`gridtrend spectrum` from file to file, and pictures of spectra."""

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import gridtrend as gt
from gridtrend.cli.commands import cli


@pytest.fixture
def monthly(tmp_path):
    """A file of 40 years of months, with a cell of land."""
    time = xr.date_range("1961", periods=480, freq="MS")
    values = np.random.default_rng(0).normal(size=(480, 3, 4)).astype("f4")
    values += 3 * np.sin(2 * np.pi * np.arange(480) / 48)[:, None, None].astype("f4")
    values[:, 0, 0] = np.nan
    coords = {
        "time": time,
        "lat": ("lat", [10.0, 20, 30], {"units": "degrees_north"}),
        "lon": ("lon", [0.0, 10, 20, 30], {"units": "degrees_east"}),
    }
    da = xr.DataArray(values, coords, ("time", "lat", "lon"), "tas", {"units": "degC"})
    da.to_netcdf(tmp_path / "in.nc")
    return tmp_path / "in.nc"


def run(*arguments):
    return CliRunner().invoke(cli, ["spectrum", *map(str, arguments)])


def test_a_file_gives_the_spectra_that_python_gives(monthly, tmp_path):
    done = run(monthly, tmp_path / "out.nc", "--window", "10Y", "--sampling", "calendar")
    assert done.exit_code == 0, done.output
    with xr.open_dataset(monthly) as source, xr.open_dataset(tmp_path / "out.nc") as found:
        expected = gt.red_noise(source.tas.load(), window=120, sampling="calendar")
        for name in expected.data_vars:
            np.testing.assert_array_equal(found[name], expected[name])
        assert found.attrs["Conventions"] == "CF-1.11"
        assert found.power.attrs["units"] == "K2 year"
        assert float(found.power.mean(("lat", "lon")).idxmax()) == pytest.approx(0.2, abs=0.1)


def test_a_band_is_written_with_bounds_and_drawn_and_has_a_trend(monthly, tmp_path):
    pytest.importorskip("matplotlib")
    out, picture = tmp_path / "band.nc", tmp_path / "band.png"
    options = ["--band", "2Y:7Y", "--window", "120", "--hop", "60", "--sampling", "calendar", "--plot", picture]
    done = run(monthly, out, *options)
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(out) as found:
        assert found.band_power.sizes == {"time": 7, "lat": 3, "lon": 4}
        assert found.time.attrs["bounds"] == "time_bnds"
        assert found.time_bnds.values[0].astype("M8[D]").tolist() == [
            np.datetime64("1961-01-01").item(),
            np.datetime64("1970-12-01").item(),
        ]
        assert found.band_power[:, 0, 0].isnull().all()
        assert float(found.band_power.mean()) == pytest.approx(4.5, rel=0.2)


def test_a_spectrogram_is_written_and_drawn(monthly, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "out.png"
    done = run(
        *(monthly, tmp_path / "out.nc", "--window", "120", "--through-time", "--sampling", "calendar"),
        *("--taper", "tukey:0.25", "--plot", picture),
    )
    assert done.exit_code == 0, done.output
    assert picture.stat().st_size > 10_000
    with xr.open_dataset(tmp_path / "out.nc") as found:
        assert found.power.sizes == {"frequency": 61, "time": 7, "lat": 3, "lon": 4}
        assert found.attrs["taper"] == "('tukey', 0.25)"


def test_a_spectrum_is_written_and_drawn_with_its_red_noise(monthly, tmp_path):
    plot = pytest.importorskip("gridtrend.plot")
    pytest.importorskip("matplotlib")
    out, picture = tmp_path / "out.nc", tmp_path / "out.png"
    done = run(monthly, out, "--window", "10Y", "--sampling", "calendar", "--plot", picture)
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(out) as found:
        axes = plot.spectrum_plot(found).axes[0]
        power, background, level = (line.get_ydata() for line in axes.lines)
        # NumPy's average of the cells that have a spectrum, with the cosine of latitude as their area.
        have = found.power.notnull().any("frequency").values
        area = np.cos(np.radians(found.lat.values))[:, None] * have
        expected = [
            np.average(np.nan_to_num(row), weights=area)
            for row in found.power.transpose("frequency", "lat", "lon").values[1:]
        ]
        np.testing.assert_allclose(power, expected, rtol=1e-12)
        assert (level > background).all()
        assert axes.get_title(loc="left") == f"Spectrum of tas, mean of {have.sum()} cells by area"
        assert axes.get_ylabel() == "power spectral density (K² year)"
        assert axes.child_axes[0].get_xlabel() == "period (years)"


def test_one_spectrum_is_drawn_as_it_is(tmp_path):
    plot = pytest.importorskip("gridtrend.plot")
    pytest.importorskip("matplotlib")
    x = xr.DataArray(np.random.default_rng(0).normal(size=(400, 2)), dims=("time", "cell"), name="index")
    found = gt.red_noise(x, window=40, alpha=0.01)
    axes = plot.spectrum_plot(found.isel(cell=1), path=tmp_path / "a.png").axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.power.isel(cell=1)[1:])
    assert axes.lines[2].get_label() == "level: exceeded by red noise in 1 %"
    assert axes.get_title(loc="left") == "Spectrum of index"
    two = plot.spectrum_plot(found).axes[0]
    assert two.get_title(loc="left") == "Spectrum of index, mean of 2 cells"
    with pytest.raises(ValueError, match="no power above zero"):
        plot.spectrum_plot(found.where(found.frequency < 0))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--window", "50Y", "--sampling", "calendar"], 1, "--window 50Y is 600 samples long"),
        (["--window", "10Y"], 1, "--sampling calendar"),
        (["--window", "120", "--sampling", "calendar", "--taper", "hunn"], 1, "--taper hunn is not known"),
        (["--window", "120", "--sampling", "calendar", "--hop", "0"], 2, "'0' is no length"),
        (["--window", "120", "--band", "2Y"], 2, "is not SHORTEST:LONGEST"),
        (["--window", "120", "--band", "2Y:7Y", "--through-time"], 2, "leave --through-time out"),
        (["--window", "120", "--sampling", "calendar", "--plot", "map.gif"], 1, "must end in one of .png"),
        ([], 2, "--window"),
    ],
    ids=str,
)
def test_wrong_calls_end_with_one_line_and_no_file(options, code, said, monthly, tmp_path):
    done = run(monthly, tmp_path / "out.nc", *options)
    assert done.exit_code == code
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out.nc").exists()


def test_a_spectrogram_of_dates_of_any_calendar_is_drawn():
    plot = pytest.importorskip("gridtrend.plot")
    pytest.importorskip("matplotlib")
    for calendar in ("standard", "360_day"):
        time = xr.date_range("2001", periods=400, freq="D", calendar=calendar)
        values = np.random.default_rng(0).normal(size=(400, 2))
        x = xr.DataArray(values, {"time": time}, ("time", "cell"), "tas", {"units": "K"})
        figure = plot.spectrogram_plot(gt.spectrogram(x, window=40))
        assert figure.axes[0].get_ylabel() == "frequency (day⁻¹)"
        assert figure.axes[1].get_ylabel() == "power spectral density (K² day)"
        # Frequency zero is not among the rows.
        assert figure.axes[0].collections[0].get_array().shape == (20, 19)


def test_what_cannot_be_drawn_is_told():
    plot = pytest.importorskip("gridtrend.plot")
    pytest.importorskip("matplotlib")
    x = xr.DataArray(np.random.default_rng(0).normal(size=(100, 2, 2)), dims=("time", "y", "x"))
    with pytest.raises(ValueError, match="draw what spectrogram"):
        plot.spectrogram_plot(gt.welch(x, window=10).isel(x=0, y=0))
    band = gt.band_power(x, window=10, period=(2, 5))
    with pytest.raises(ValueError, match="a map has two dimensions"):
        plot.band_power_map(band.isel(x=0))
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.band_power_map(band.where(band < 0))


def test_a_file_of_the_cluster_has_its_trend_of_band_power(shared_data):
    with xr.open_dataset(shared_data("E1_north_america.nc")) as source:
        x = source.air_temperature[:, 10:13, 10:13].load()
    power = x.gridtrend.band_power(period=("2Y", "7Y"), window="20Y", hop="20Y")
    assert power.sizes["time"] == 12
    share = power.mean("time") / x.rolling(time=20).var().mean("time")
    assert ((share > 0.1) & (share < 0.9)).all()
    assert power.gridtrend.mann_kendall(slope=False).n_valid.values.min() == 12
