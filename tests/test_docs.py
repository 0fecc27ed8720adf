"""What is public is documented, and what documents show runs."""

import inspect
import re
from pathlib import Path

import pytest

import gridtrend as gt
from gridtrend import public
from gridtrend.trend.field_significance import OUTPUTS

README = Path(__file__).parents[1] / "README.md"
# Functions that read and write files, or compile, have no papers and no outputs to describe.
FUNCTIONS = public.methods()
SECTIONS = ["Parameters", "Returns", "Raises", "Notes", "References", "Examples"]

functions = pytest.mark.parametrize("name", FUNCTIONS)


def sections(name):
    """Return the sections of a numpydoc docstring, by heading."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(getattr(gt, name)), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(page=README):
    """Return the python blocks of a page that are meant to run."""
    if not page.exists():
        return []
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_there_are_public_functions():
    assert {"mann_kendall", "theil_sen", "kendall_tau"} <= set(FUNCTIONS)


@functions
def test_every_public_function_has_all_sections_in_order(name):
    found = [heading for heading in sections(name) if heading in SECTIONS]
    assert found == SECTIONS


@functions
def test_every_parameter_is_described_by_its_name(name):
    described = re.findall(r"^(\w[\w, ]*)(?: :|$)", sections(name)["Parameters"], flags=re.MULTILINE)
    names = [part.strip() for line in described for part in line.split(",")]
    assert names == list(inspect.signature(getattr(gt, name)).parameters)


@functions
def test_every_output_is_described(name):
    from tests.cases import CASES, TOGETHER
    from tests.test_record_contract import outputs_of
    from tests.test_spectral_grid import OUTPUTS as SPECTRAL

    described = set(re.findall(r"\w+", sections(name)["Returns"]))
    outputs = {o for case in CASES + TOGETHER if case.function is getattr(gt, name) for o in case.outputs}
    outputs |= SPECTRAL.get(name, set()) | outputs_of(name)
    if name == "field_significance":
        # It looks at all cells at once, and is no row of the table.
        outputs = {output.name for output in OUTPUTS}
    assert outputs
    assert outputs <= described


@functions
def test_a_paper_is_cited_with_its_doi(name):
    assert re.search(r"doi:10\.\d{4,}/\S+", sections(name)["References"])


@functions
def test_an_example_is_given_with_its_answer(name):
    assert re.search(r"^>>> .*\n(?!>>>|\.\.\.)\S", sections(name)["Examples"], flags=re.MULTILINE)


@functions
def test_every_parameter_and_the_result_are_typed(name):
    signature = inspect.signature(getattr(gt, name))
    assert signature.return_annotation is not signature.empty
    assert all(p.annotation is not p.empty for p in signature.parameters.values())


def test_every_public_name_exists():
    assert all(hasattr(gt, name) for name in gt.__all__)
    assert list(gt.__all__) == sorted(gt.__all__)


PAGES = [README, README.parent / "docs/spectral.md", README.parent / "docs/seasons.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_the_documents_runs(page, tmp_path, monkeypatch):
    if not blocks(page):
        pytest.skip(f"there is no {page.name} with python blocks")
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for number, block in enumerate(blocks(page)):
        # One after the other, as a reader would type them.
        exec(compile(block, f"{page.name} block {number}", "exec"), namespace)  # noqa: S102


def test_the_documents_name_every_public_function():
    if not README.exists():
        pytest.skip("there is no README")
    text = README.read_text(encoding="utf-8")
    assert "docs/functions.md" in text
    # All stand on a page of their own, most in the table of the README too.
    page = (README.parent / "docs/functions.md").read_text(encoding="utf-8")
    assert not [name for name in public.PUBLIC if f"`{name}`" not in page]


def test_functions_that_the_readme_names_exist():
    if not README.exists():
        pytest.skip("there is no README")
    calls = re.findall(r"`(?:gt\.)?(?!da\.)([\w.]+)\(", README.read_text(encoding="utf-8"))
    assert len(calls) > 15
    assert not set(calls) - set(public.PUBLIC)
