"""The templates of HTML pages, and the files that they contain."""

from __future__ import annotations

from importlib import resources
from typing import Any

from stepsize.errors import MissingExtra
from stepsize.report.terminal_text import safe


def template(name: str) -> Any:
    """Return a template of a page; control characters in what it shows become visible.

    Raises: MissingExtra if jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtra("jinja2", "report") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stepsize.report"),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment.get_template(name)


def _visible(value: Any) -> Any:
    """Make control characters in a caller's strings visible; markup of the page passes."""
    return safe(value) if type(value) is str else value


def preformatted(text: str) -> Any:
    """Return text of several lines for a page; other control characters become visible."""
    from markupsafe import Markup, escape

    return Markup("\n").join(escape(safe(line)) for line in text.split("\n"))


def inline(name: str) -> Any:
    """Return the text of a style or a script, to be put into a page as it is."""
    from markupsafe import Markup

    return Markup(resources.files("stepsize.report").joinpath("templates", name).read_text("utf-8"))
