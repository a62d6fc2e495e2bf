"""The documentation site: `sphinx-build -W docs site`.

The pages are read on a code host as well, so they are plain Markdown. The contents come from the tables of
index.md, and links that leave the folder lead to the repository.
"""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version as version_of
from typing import Any, get_type_hints

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

project, author, copyright = "stepsize", "The stepsize authors", "The stepsize authors"
version = release = version_of("stepsize")
REPOSITORY = "https://github.com/stepsize/stepsize"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]
exclude_patterns = ["make_*.py"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # scripts/notebooks runs them; they are shown as they are saved
smartquotes = False  # `--seeds` stays what is typed
default_role = "code"  # docstrings write `name`, as Markdown does
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False}
python_use_unqualified_type_names = True
maximum_signature_line_length = 90
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "stepsize"
html_static_path = ["static"]
html_css_files = ["notebooks.css"]
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}


def setup(app: Sphinx) -> None:
    """Connect what prepares the pages."""
    app.connect("source-read", _prepare)
    app.connect("autodoc-process-docstring", _as_restructured_text)
    app.connect("autodoc-process-signature", _readable)


def _readable(
    app: Sphinx, what: str, name: str, of: Any, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Return the signature of a family, or of a class, with short types and without the checks of values.

    A family is shown as the function that it is called as, which returns a schedule.
    """
    if what not in ("function", "class") or not signature:
        return signature, returns
    is_family = what == "function" and isinstance(of, type)
    called = of.__init__ if isinstance(of, type) and not is_family else of
    try:
        hints = get_type_hints(called)
    except NameError:  # a type that is imported for type checkers alone
        return signature, returns
    shown = inspect.signature(of)
    parameters = [
        each.replace(annotation=hints.get(each.name, each.annotation)) for each in shown.parameters.values()
    ]
    plain = shown.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    text = stringify_signature(plain, unqualified_typehints=True).replace("~", "").replace("<factory>", "...")
    text = re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Z])", "", text)
    return text, "Schedule" if is_family else returns


def _prepare(app: Sphinx, page: str, source: list[str]) -> None:
    if "/" not in page:
        source[0] = re.sub(r"\]\(\.\./", f"]({REPOSITORY}/blob/main/", source[0])
    if page == "index":
        source[0] += contents(source[0])


def _as_restructured_text(
    app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]
) -> None:
    """Keep formulas as they are: bars are not substitutions, and indented lines are literal."""
    for number, line in enumerate(lines):
        if ">>>" not in line:
            lines[number] = re.sub(r"(`\w+`)(?=\w)", r"\1\\ ", line.replace("|", r"\|"))
    for number in range(len(lines) - 1, 0, -1):
        begins = lines[number].startswith("    ") and not lines[number - 1].strip()
        if begins and not lines[number].lstrip().startswith((">>>", "...", "-")):
            lines[number:number] = ["::", ""]


def contents(index: str) -> str:
    """Return a table of contents for each section of the index, with the pages that it links to."""
    lines = []
    for title, section in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", index, re.M | re.S):
        pages = re.findall(r"\]\(([\w/-]+)\.(?:md|ipynb)\)", section)
        lines += ["", "```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```"]
    return "\n".join(lines)
