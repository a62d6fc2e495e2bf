"""Every page of the docs: links lead somewhere, tests that are named exist, and facts stand in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import stepsize as ss

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.glob("*.md")),
    *NOTEBOOKS,
    ROOT / "benchmarks" / "README.md",
]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as hosts of repositories make them."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    broken = []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text_of(page)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](absent.md) [d](https://example.org)\n")
    assert broken_links(page) == ["#two", "absent.md"]


def test_the_index_has_every_page() -> None:
    index = text_of(ROOT / "docs" / "index.md")
    for page in PAGES:
        if page.is_relative_to(DOCS) and page.name != "index.md":
            assert f"({page.relative_to(DOCS)})" in index, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tests_that_a_page_names_exist(page: Path) -> None:
    for file, name in re.findall(r"`(tests/[a-z_/]+\.py)(?:::(\w+))?`", text_of(page)):
        source = text_of(ROOT / file)
        assert not name or re.search(rf"^\s*def {name}\(", source, re.M), f"{file}::{name}"


def test_the_readme_stays_a_landing_page() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) < 150


def test_version_stands_in_the_citation_and_on_top_of_the_changelog() -> None:
    citation = re.search(r"^version: (.+)$", text_of(ROOT / "CITATION.cff"), re.M)
    heading = re.search(r"^## (.+)$", text_of(ROOT / "CHANGELOG.md"), re.M)
    assert citation is not None
    assert citation[1] == ss.__version__
    assert heading is not None
    assert ss.__version__ in heading[1]
