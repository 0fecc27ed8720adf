"""The one list of public names, and all that follows from it."""

import ast
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import xarray as xr
from click.shell_completion import ShellComplete

import gridtrend as gt
from gridtrend import ahead, public
from gridtrend.cli.commands import cli

ROOT = Path(__file__).parents[1]
SIBLINGS = ("trend", "spectral", "bvp", "ode", "neural", "plot")


@pytest.mark.parametrize("name", public.PUBLIC)
def test_every_name_is_found_where_users_look_for_it(name):
    if public.room(name) == "plot":
        pytest.importorskip("matplotlib")
        import_module("gridtrend.plot")
    found = gt
    for part in name.split("."):
        found = getattr(found, part)
    assert found is public.load(name)
    assert found.__doc__


@pytest.mark.parametrize("room", SIBLINGS)
def test_a_room_offers_what_the_list_says(room):
    if room == "plot":
        pytest.importorskip("matplotlib")
    module = import_module(f"gridtrend.{room}")
    assert sorted(module.__all__) == list(public.members(room))
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_the_package_offers_what_the_list_says():
    assert gt.__all__ == public.names() == dir(gt)
    assert {"mann_kendall", "welch", "open_grid", "precompile"} <= set(gt.__all__)
    assert "minimum_detectable_trend" not in gt.__all__
    assert not hasattr(gt, "trends")


@pytest.mark.parametrize("kind", [xr.DataArray, xr.Dataset])
def test_functions_of_a_record_are_methods(kind):
    assert set(public.methods()) <= set(dir(kind().gridtrend))
    assert {"mann_kendall", "welch"} <= set(public.methods())
    assert not {"open_grid", "write", "precompile"} & set(public.methods())


def test_stubs_and_the_page_of_functions_are_those_of_the_list():
    pytest.importorskip("matplotlib")
    derived = runpy.run_path(str(ROOT / ".ci/derive.py"))["derived"]()
    assert len(derived) == 3
    for path, text in derived.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, "run `python .ci/derive.py`"
    assert all(f"| `{name}` | " in derived["docs/functions.md"] for name in public.PUBLIC)


@pytest.mark.parametrize("room", ["gridtrend", "gridtrend/trend"])
def test_a_stub_names_all_that_the_module_offers(room):
    # Read as an analyser does: what the stub imports and defines.
    tree = ast.parse((ROOT / room / "__init__.pyi").read_text(encoding="utf-8"))
    named = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    named |= {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    assert named == set(import_module(room.replace("/", ".")).__all__)


def test_functions_with_kernels_can_be_compiled_by_name():
    known = ahead._known()
    assert set(known) <= set(public.compiled())
    assert {"mann_kendall", "theil_sen", "welch", "bvp.solve_linear", "neural.fit_per_cell"} <= set(known)
    assert "trend.minimum_detectable_trend" not in known


def test_a_shell_completes_functions_to_compile():
    offered = ShellComplete(cli, {}, "gridtrend", "_GRIDTREND_COMPLETE").get_completions(["precompile"], "bvp.s")
    assert [item.value for item in offered] == ["bvp.solve", "bvp.solve_linear", "bvp.steady_diffusion"]


def test_the_list_imports_nothing():
    heavy = {"xarray", "numpy", "numba", "scipy", "dask", "click", "ast"}
    code = (
        f"import sys, gridtrend; dir(gridtrend); assert not sys.modules.keys() & {heavy}, sys.modules.keys() & {heavy}"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_function_of_spectra_does_not_wait_for_numba():
    code = "import sys, gridtrend; gridtrend.welch; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
