"""The house keeps its shape: imports point one way, and each foreign package has one home."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import gridtrend

PACKAGE = Path(gridtrend.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
SIBLINGS = {"trend", "spectral", "ode", "bvp", "neural"}
FRONTS = {"accessor", "io", "cluster", "plot"}
# What modules of a room may import from other rooms of the package.
MAY_IMPORT = {
    "engine": set(),
    "grid": {"engine"},
    **{name: {"engine", "grid"} for name in SIBLINGS},
    **{name: {"engine", "grid"} | SIBLINGS for name in FRONTS},
    "ahead": {"engine", "grid", "io"} | SIBLINGS,
    "cli": {"engine", "grid", "ahead"} | SIBLINGS | FRONTS,
    "__main__": {"cli"},
    "attach": set(),
    "__init__": SIBLINGS | {"accessor", "ahead", "attach", "io"},
}
# Where a foreign package may be imported: a room, or one file of it.
HOMES = {
    "numba": {
        "engine/cache.py",
        "engine/elementary.py",
        "engine/jit.py",
        "engine/kernel.py",
        "engine/lanes.py",
        "engine/unit.py",
        "bvp/kernels/strided_fields.py",
        "ode/dual_numbers.py",
        "ode/user_function.py",
        "ode/kernels/state_tuples.py",
        "ode/kernels/matrices.py",
        "ode/kernels/signatures.py",
    },
    "llvmlite": {
        "engine/cache.py",
        "engine/lanes.py",
        "engine/unit.py",
        "bvp/kernels/strided_fields.py",
        "ode/kernels/state_tuples.py",
        "ode/kernels/matrices.py",
    },
    # Whoever compiles knows arrays of numbers alone.
    "xarray": {"grid", *SIBLINGS, *FRONTS, "attach", "cli"},
    "dask": {"grid", *SIBLINGS, *FRONTS, "cli"},
    "click": {"cli"},
    "matplotlib": {"plot"},
    "cartopy": {"plot"},
    "distributed": {"cluster"},
    "ducc0": {"spectral/fft.py"},
    "iris_sample_data": {"cli"},
    # Only scikit-learn asks for its own tags.
    "sklearn": {"neural/mlp_estimators.py"},
}

modules = pytest.mark.parametrize("module", MODULES, ids=str)


def room(module):
    """Return the part of the package that a module belongs to."""
    return module.parts[0].removesuffix(".py")


@functools.cache
def tree(module):
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def imports(source):
    """Yield the dotted name of everything that a module imports, at any depth of its functions."""
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(module):
    for name in imports(tree(module)):
        package, _, rest = name.partition(".")
        if package == "gridtrend":
            yield rest.split(".")[0]


@modules
def test_every_module_belongs_to_a_known_room(module):
    assert room(module) in MAY_IMPORT


@modules
def test_imports_point_one_way(module):
    allowed = MAY_IMPORT[room(module)] | {room(module)}
    # The version is a plain string, and harmless from everywhere.
    assert set(rooms_imported(module)) - {"__version__"} <= allowed


@modules
@pytest.mark.parametrize("package", HOMES)
def test_a_foreign_package_has_one_home(package, module):
    at_home = module.as_posix() in HOMES[package] or room(module) in HOMES[package]
    if not at_home:
        assert package not in {name.split(".")[0] for name in imports(tree(module))}


@modules
def test_only_one_module_calls_apply_ufunc(module):
    attributes = {node.attr for node in ast.walk(tree(module)) if isinstance(node, ast.Attribute)}
    names = {name.split(".")[-1] for name in imports(tree(module))}
    assert ("apply_ufunc" in attributes | names) == (module.as_posix() == "grid/apply.py")


@modules
def test_no_module_is_a_drawer_for_odds_and_ends(module):
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "core", "tools"}
    assert not {part.removesuffix(".py") for part in module.parts} & drawers


@modules
def test_a_module_holds_one_concept(module):
    # One concept is one file, of whatever size it needs; beyond this there is more than one.
    assert len((PACKAGE / module).read_text(encoding="utf-8").splitlines()) <= 500


def bodies(source):
    """Yield each function and the number of lines of its body, without its docstring."""
    for node in ast.walk(source):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
            if body:
                yield node.name, body[-1].end_lineno - body[0].lineno + 1


@modules
def test_a_function_fits_on_a_screen(module):
    assert not [(name, lines) for name, lines in bodies(tree(module)) if lines > 60]


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("gridtrend.engine.kernel", "xarray"),
        ("gridtrend.engine.kept", "xarray"),
        ("gridtrend.engine.output", "numba"),
        ("gridtrend.grid.apply", "numba"),
        ("gridtrend.grid.names", "numba"),
        ("gridtrend.spectral", "numba"),
        ("gridtrend.cli.commands", "numba"),
        ("gridtrend.cli.commands", "xarray"),
    ],
)
def test_an_import_does_not_wait_for_what_it_does_not_need(module, foreign):
    code = f"import sys, {module}; sys.exit({foreign!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=False).returncode == 0


def test_the_rules_see_what_they_forbid():
    source = ast.parse("def f():\n    import numba\n    from gridtrend.trend import options\n")
    assert list(imports(source)) == ["numba", "gridtrend.trend.options"]
    assert list(bodies(source)) == [("f", 2)]


def test_help_and_import_stay_quick():
    heavy = {"matplotlib", "distributed", "scipy", "netCDF4", "cf_xarray"}
    for module in MODULES:
        if room(module) in ("cli", "accessor", "__init__", "trend", "spectral", "grid"):
            top = {
                name.split(".")[0]
                for node in tree(module).body
                if isinstance(node, ast.Import | ast.ImportFrom)
                for name in imports(ast.Module([node], []))
            }
            assert not top & heavy, module


def is_number(node):
    """Whether an expression is a literal or one of NumPy's constants."""
    node = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Attribute) and node.attr in ("nan", "inf"))


@pytest.mark.parametrize("module", [module for module in MODULES if "kernels" in module.parts], ids=str)
def test_kernels_copy_no_array_as_a_slice(module):
    # numba compiles the messages for shapes that differ along with it: 3 to 5 s of a first call. `assign` does without.
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Assign | ast.AugAssign) and not is_number(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            assert not [at for target in targets for at in ast.walk(target) if isinstance(at, ast.Slice)], node.lineno
