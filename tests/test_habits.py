"""The files by which others take part agree with the package."""

import re
import tomllib
from pathlib import Path

import pytest

import gridtrend as gt

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
pytestmark = pytest.mark.skipif(not (ROOT / ".github").exists(), reason="not in a checkout")


def load(path):
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_citation_is_that_of_this_version():
    citation = load("CITATION.cff")
    # The fields that schema 1.2.0 asks for.
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert str(citation["cff-version"]) == "1.2.0"
    assert str(citation["version"]) == gt.__version__
    assert citation["license"] == PROJECT["project"]["license"]


def test_the_checks_run_on_what_is_supported():
    jobs = load(".github/workflows/ci.yml")["jobs"]
    assert set(jobs) == {"lint", "test", "lowest-versions", "coverage"}
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    named = [text.rsplit(" ", 1)[1] for text in PROJECT["project"]["classifiers"] if ":: Python :: 3." in text]
    assert matrix["python"] == named
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert lowest == named[0]
    commands = [step.get("run", "") for step in jobs["lowest-versions"]["steps"]]
    assert any("-c .ci/lowest.txt" in command for command in commands)
    assert f"| Python | {named[0]} | {named[-1]} |" in (ROOT / "docs/versions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["bug", "feature"])
def test_forms_for_issues_ask_with_labels(form):
    page = load(f".github/ISSUE_TEMPLATE/{form}.yml")
    assert {"name", "description", "body"} <= set(page)
    names = [field["id"] for field in page["body"]]
    assert len(set(names)) == len(names)
    assert all(field["attributes"]["label"] for field in page["body"])
    if form == "bug":
        assert {"call", "header", "versions"} <= set(names)


def test_the_changelog_has_kinds_of_changes_with_unreleased_first():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^##+ (.*)$", text, flags=re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert all(heading in kinds or re.match(r"\[", heading) for heading in headings)


def test_links_between_pages_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_commits_are_checked_by_the_linters_of_the_project():
    repos = load(".pre-commit-config.yaml")["repos"]
    hooks = {hook["id"] for repo in repos for hook in repo["hooks"]}
    assert {"ruff-check", "ruff-format", "mypy"} <= hooks
