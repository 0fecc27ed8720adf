"""Make tests/cdo_answers.json with CDO 2.6.0: `pip install skyborn-cdo`, then `python -m tests.cdo_answers PATH_OF_CDO`.

For each record of `records()`, `cdo OPERATOR record.nc answer.nc` for each operator of `OPERATORS`; dates and values are kept as
they are. Seasons of CDO are DJF, MAM, JJA and SON, one after the other.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

ANSWERS = Path(__file__).with_suffix(".json")
OPERATORS = {
    "yearmean": "-yearmean",
    "yearmax": "-yearmax",
    "yearmin": "-yearmin",
    "yearsum": "-yearsum",
    "yearstd": "-yearstd",
    "seasmean": "-seasmean",
    "seassum": "-seassum",
    "monmean": "-monmean",
    # Of months, from the sixth on, four, and not the next eight: the mean of JJAS, all months alike.
    "timselmean_jjas": "-timselmean,4,5,8 -monmean",
    # Of months, all twelve of each year.
    "timselmean_year": "-timselmean,12 -monmean",
    # May to October of days.
    "summer_mean": "-yearmean -selmon,5,6,7,8,9,10",
}


def records():
    """Daily records of four calendars, two cells; the last begins and ends in the middle of a season."""
    spans = {
        "standard": ("2000-01-01", "2002-12-31", "standard"),
        "noleap": ("2000-01-01", "2002-12-31", "noleap"),
        "360_day": ("2000-01-01", "2002-12-30", "360_day"),
        "mid_season": ("2000-01-20", "2002-07-11", "standard"),
    }
    for seed, (name, (start, end, calendar)) in enumerate(spans.items()):
        time = xr.date_range(start, end, calendar=calendar, use_cftime=calendar != "standard")
        season = np.cos(2 * np.pi * (np.arange(time.size) / 365 + np.arange(2)[:, None] / 4)).T.round(2)
        values = 280 + 10 * season + np.random.default_rng(seed).integers(-4000, 4000, (time.size, 2)) / 1000
        yield name, xr.DataArray(values, {"time": time}, ("time", "cell"), "tas", {"units": "K"})


def main(cdo):
    """Write the answers."""
    answers = {}
    for name, da in records():
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            # Single cells have no place in CDO without coordinates.
            da.rename(cell="lon").expand_dims(lat=[10.0], axis=1).assign_coords(
                lon=("lon", [0.0, 90.0], {"units": "degrees_east"}), lat=("lat", [10.0], {"units": "degrees_north"})
            ).to_netcdf(folder / "record.nc")
            for operator, command in OPERATORS.items():
                call = [cdo, "-s", "-b", "F64", *command.split(), str(folder / "record.nc"), str(folder / "answer.nc")]
                subprocess.run(call, check=True)
                with xr.open_dataset(
                    folder / "answer.nc", decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)
                ) as answer:
                    dates = [str(date)[:7] for date in answer.time.values]
                    values = answer.tas.values.reshape(len(dates), 2).round(9).tolist()
                answers.setdefault(name, {})[operator] = {"dates": dates, "values": values}
    text = json.dumps(answers).replace('}, "', '},\n"')
    ANSWERS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
