"""The house keeps its shape: imports point one way, and each foreign package has one home."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import gridtrend
from gridtrend.public import PUBLIC

PACKAGE = Path(gridtrend.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
SIBLINGS = {"seasons", "trend", "spectral", "ode", "bvp", "neural"}
FRONTS = {"analysis", "accessor", "io", "cluster", "plot"}
# What modules of a room may import from other rooms of the package.
MAY_IMPORT = {
    "engine": set(),
    "grid": {"engine"},
    **{name: {"engine", "grid"} for name in SIBLINGS},
    **{name: {"engine", "grid"} | SIBLINGS for name in FRONTS},
    "accessor": {"engine", "grid", "analysis"} | SIBLINGS,
    "ahead": {"engine", "grid", "io"} | SIBLINGS,
    "cli": {"engine", "grid", "ahead"} | SIBLINGS | FRONTS,
    "__main__": {"cli"},
    "attach": set(),
    "public": set(),
    "__init__": {"attach"},
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
# Parameters of a function that is not public: what travels together is one named tuple.
MOST_PARAMETERS = 16


def room(module):
    """Return the part of the package that a module belongs to."""
    return module.parts[0].removesuffix(".py")


def dotted(module):
    """Return the name that a module is imported by."""
    return ".".join(["gridtrend", *module.with_suffix("").parts]).removesuffix(".__init__")


@functools.cache
def tree(module):
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def imports(source, *, typing=True):
    """Yield the dotted name of everything that a module imports, at any depth of its functions."""
    for node in ast.iter_child_nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif typing or not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield from imports(node, typing=typing)


@functools.cache
def packages(module):
    return frozenset(name.split(".")[0] for name in imports(tree(module)))


def rooms_imported(module):
    for name in imports(tree(module)):
        package, _, rest = name.partition(".")
        if package == "gridtrend":
            yield rest.split(".")[0]


def wrong(rule):
    """Names of the modules that break a rule."""
    return [module.as_posix() for module in MODULES if not rule(module)]


def test_every_module_belongs_to_a_known_room():
    assert not wrong(lambda module: room(module) in MAY_IMPORT)


def test_imports_point_one_way():
    # The version and the list of public names are plain text, and harmless from everywhere.
    assert not wrong(
        lambda module: (
            set(rooms_imported(module)) - {"__version__", "public"} <= MAY_IMPORT[room(module)] | {room(module)}
        )
    )


def circles(graph):
    """Names that can be reached from themselves."""
    reached = {name: set(others) for name, others in graph.items()}
    for through in graph:
        for others in reached.values():
            if through in others:
                others |= reached[through]
    return sorted(name for name in graph if name in reached[name])


def test_no_file_imports_itself_by_way_of_others():
    names = {dotted(module) for module in MODULES}
    graph = {}
    for module in MODULES:
        found = {
            name if name in names else name.rpartition(".")[0] for name in imports(tree(module), typing=False)
        } & names
        # Of the whole package, files ask for its version alone.
        graph[dotted(module)] = found - {"gridtrend", dotted(module)}
    assert not circles(graph)


@pytest.mark.parametrize("package", HOMES)
def test_a_foreign_package_has_one_home(package):
    home = HOMES[package]
    assert not wrong(
        lambda module: package not in packages(module) or module.as_posix() in home or room(module) in home
    )


def test_only_one_module_calls_apply_ufunc():
    def names(module):
        attributes = {node.attr for node in ast.walk(tree(module)) if isinstance(node, ast.Attribute)}
        return attributes | {name.split(".")[-1] for name in imports(tree(module))}

    assert wrong(lambda module: "apply_ufunc" not in names(module)) == ["grid/apply.py"]


def test_no_module_is_a_drawer_for_odds_and_ends():
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "core", "tools"}
    assert not wrong(lambda module: not {part.removesuffix(".py") for part in module.parts} & drawers)


def test_a_module_holds_one_concept():
    # One concept is one file, of whatever size it needs; beyond this there is more than one.
    assert not wrong(lambda module: len((PACKAGE / module).read_text(encoding="utf-8").splitlines()) <= 500)


def functions(source):
    """Yield the name of each function, the lines of its body without the docstring, and how many parameters it has."""
    for node in ast.walk(source):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            given = node.args
            yield node.name, lines, len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)


def test_a_function_fits_on_a_screen():
    assert not wrong(lambda module: all(lines <= 60 for _, lines, _ in functions(tree(module))))


def test_only_public_functions_have_many_parameters():
    public = {name.rpartition(".")[2] for name in PUBLIC}
    assert not [
        f"{module.as_posix()}: {name} has {count}"
        for module in MODULES
        for name, _, count in functions(tree(module))
        if count > MOST_PARAMETERS and name not in public
    ]


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
    assert list(functions(source)) == [("f", 2, 0)]
    guarded = ast.parse("if TYPE_CHECKING:\n    import numba\nimport dask\n")
    assert list(imports(guarded, typing=False)) == ["dask"]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]


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
