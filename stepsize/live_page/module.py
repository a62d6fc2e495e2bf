"""The ES module and the style of the page, joined from the files in `browser`."""

from __future__ import annotations

import html
from functools import cache
from importlib import resources

PARTS = ("drawing", "schedule", "curves", "differences", "rate_map", "controls", "page")
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="stepsize-token" content="{token}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main id="explore"><noscript>This page needs JavaScript.</noscript></main>
<script type="module" src="/explore.js"></script>
</body>
</html>
"""


@cache
def script() -> str:
    """Return the module: notebooks call its `default.render`; on the page of the server it starts itself."""
    return "\n".join(_read(f"{part}.js") for part in PARTS)


@cache
def style() -> str:
    """Return the style of everything inside `.stepsize-explore`."""
    return _read("explore.css")


def page_html(title: str, token: str) -> str:
    """Return the page that loads the module."""
    css = _read("page.css") + style()
    return PAGE.format(title=html.escape(title), token=html.escape(token), style=css)


def _read(name: str) -> str:
    folder = resources.files("stepsize.live_page").joinpath("browser")
    return folder.joinpath(name).read_text(encoding="utf-8")
