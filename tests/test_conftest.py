"""The fixtures must be able to fail, and to give what they promise."""

import dask.array
import numpy as np
import pytest


def test_the_guard_notices_a_compute_and_lets_go_afterwards(no_compute):
    lazy = dask.array.ones(3, chunks=1).sum()
    with no_compute(), pytest.raises(pytest.fail.Exception, match="before anybody asked"):
        lazy.compute()
    assert lazy.compute() == 3


def test_grids_are_reproducible_and_holed_as_asked(make_grid, holed_grid):
    assert holed_grid.identical(make_grid(decimals=1, holes=0.1))
    assert 0.05 < float(holed_grid.isnull().mean()) < 0.15
    assert all(np.unique(cell).size < cell.size for cell in holed_grid.values.reshape(40, -1).T)


def test_a_real_file_that_is_not_at_hand_skips_the_test(shared_data):
    with pytest.raises(pytest.skip.Exception, match=r"nowhere\.nc is not at hand"):
        shared_data("nowhere.nc")


def test_awkward_series_fill_one_grid(awkward_grid):
    assert awkward_grid.dims == ("time", "y", "x")
    assert np.isnan(awkward_grid.values).all(axis=0).any()
