"""What the documentation of networks shows runs, and its public functions are documented."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

import gridtrend
from gridtrend import neural

PAGE = Path(__file__).parents[1] / "docs" / "neural.md"
FUNCTIONS = [name for name in neural.__all__ if inspect.isfunction(getattr(neural, name))]
functions = pytest.mark.parametrize("name", FUNCTIONS)


def test_the_code_of_the_page_runs(capsys):
    if not PAGE.exists():
        pytest.skip("there is no page on networks")
    pytest.importorskip("sklearn")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    namespace = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"block {number}", "exec"), namespace)  # noqa: S102
        if "# U has shape" in block:
            shown = " ".join(re.findall(r"^# (.*)$", block, flags=re.MULTILINE))
            assert shown == capsys.readouterr().out.strip()
    assert len(blocks) >= 5


@functions
def test_every_parameter_is_described_by_its_name(name):
    function = getattr(neural, name)
    text = inspect.getdoc(function)
    if name == "softmax":
        return
    described = re.search(r"^Parameters\n-+\n(.*?)^(Returns)\n-+", text, flags=re.MULTILINE | re.DOTALL).group(1)
    names = {
        part.strip()
        for line in re.findall(r"^(\w[\w, ]*?)(?: :.*)?$", described, re.MULTILINE)
        for part in line.split(",")
    }
    assert set(inspect.signature(function).parameters) <= names
    assert inspect.signature(function).return_annotation is not inspect.Signature.empty


def test_networks_are_reached_without_a_cost_at_the_start():
    code = (
        "import sys, gridtrend; assert 'gridtrend.neural' not in sys.modules; "
        "assert gridtrend.neural.RNN.__name__ == 'RNN'; assert 'sklearn' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nerual'"):
        _ = gridtrend.nerual


def test_the_methods_of_a_dataarray_are_the_functions():
    da = xr.DataArray([[float(7 * i % 5), float(3 * i % 4)] for i in range(40)], dims=("time", "x"))
    model = da.gridtrend.fit_per_cell(model="linear")
    xr.testing.assert_identical(model, neural.fit_per_cell(da, model="linear"))
    xr.testing.assert_identical(da.gridtrend.predict_per_cell(model), neural.predict_per_cell(da, model))
    assert type(da.gridtrend).fit_per_cell is neural.fit_per_cell
