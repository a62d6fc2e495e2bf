"""The report in a browser: no console message, nothing wider than a phone, code that copies, accessible."""

from __future__ import annotations

import html as escaping
import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2")

from stepsize.report import html
from stepsize.verdict.answer import Answer, Details

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom", "--window-size=1600,2400",
]  # fmt: skip
LIGHT, DARK = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"
FRAME = """<!doctype html><body>
<iframe style="width:{width}px;height:2000px;border:0" srcdoc="{page}"></iframe>
<script>addEventListener("message", e => document.body.dataset.found = JSON.stringify(e.data))</script>"""
PROBE = """<script>addEventListener("load", async () => {
  const copied = [];
  Object.defineProperty(navigator, "clipboard", { value: { writeText: async text => copied.push(text) } });
  for (const button of document.querySelectorAll("button[data-copy]")) {
    document.getElementById(button.dataset.copy.replace("code", "tab")).click();
    button.click();
    await 0;
  }
  document.querySelectorAll("details").forEach(each => each.open = true);
  const pictures = [...document.querySelectorAll("svg.large, svg.small")];
  const drawn = pictures.filter(each => each.getBBox().width > 50);
  const axe = window.axe ? await window.axe.run(document, { resultTypes: ["violations"] }) : null;
  parent.postMessage({
    copied, drawn: drawn.length, pictures: pictures.length,
    status: document.getElementById("status").textContent, width: innerWidth,
    needs: document.documentElement.scrollWidth,
    colour: getComputedStyle(document.body).backgroundColor,
    violations: axe && axe.violations.map(each => [each.impact, each.id, each.nodes[0].html]),
  }, "*");
});</script>"""


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Open a page in a frame of some width; return what its probe found, and the console messages."""

    def open_page(page: str, width: int, *flags: str) -> dict[str, Any]:
        if CHROMIUM is None:
            pytest.skip("there is no Chromium on this machine")
        head, end, tail = page.rpartition("</body>")
        file = tmp_path / "page.html"
        file.write_text(FRAME.format(width=width, page=escaping.escape(head + PROBE + end + tail)), "utf-8")
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, file.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        found = re.findall(r'data-found="(.*?)"', done.stdout)
        assert found, done.stderr
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return {**json.loads(escaping.unescape(found[0])), "console": console}

    return open_page


def axe() -> str:
    """Return the script of axe-core, which a package has or the variable AXE_CORE names."""
    path = os.environ.get("AXE_CORE")
    for package in ("axe_core_python", "axe_playwright_python", "axe_selenium_python"):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = path or next((str(each) for each in Path(folder).rglob("axe.min.js")), None)
    if path is None:
        pytest.skip("axe-core is not installed: pip install axe-core-python, or set AXE_CORE to axe.min.js")
    return Path(path).read_text("utf-8").replace("</script", "<\\/script")


def test_a_desktop_copies_code_that_runs(studies: Studies, browse: Callable[..., dict[str, Any]]) -> None:
    torch = pytest.importorskip("torch")
    seen = browse(html.render(*studies["lesson"]()), 1440, LIGHT)
    assert seen["console"] == []
    assert seen["drawn"] == seen["pictures"] == 4 + 4 * 6
    assert seen["status"] == "Copied"
    assert seen["colour"] == "rgb(255, 255, 255)"
    keras, pytorch, optax, transformers = seen["copied"]
    names: dict[str, Any] = {"model": torch.nn.Linear(2, 1)}
    exec(pytorch, names)
    assert names["optimizer"].param_groups[0]["momentum"] == 0.8
    assert "keras.optimizers.SGD(" in keras
    assert "optax.sgd(" in optax
    assert "Trainer(" in transformers


@pytest.mark.parametrize("name", ["twelve", "long"])
def test_a_phone_draws_every_picture_and_scrolls_only_down(
    studies: Studies, browse: Callable[..., dict[str, Any]], name: str
) -> None:
    seen = browse(html.render(*studies[name]()), 390, DARK)
    assert seen["console"] == []
    assert seen["drawn"] == seen["pictures"] > 0
    assert seen["width"] == 390
    assert seen["needs"] <= 390
    assert seen["colour"] == "rgb(20, 23, 27)"


def test_the_browser_check_sees_a_broken_page(
    studies: Studies, browse: Callable[..., dict[str, Any]]
) -> None:
    head, start, tail = html.render(*studies["lesson"]()).rpartition('"use strict";')
    seen = browse(head + start + "thisIsNotDefined();" + tail, 1440)
    assert any("thisIsNotDefined" in line for line in seen["console"])


@pytest.mark.parametrize(("width", "theme"), [(1440, LIGHT), (390, DARK)])
def test_nothing_serious_stands_in_the_way_of_anybody(
    studies: Studies, browse: Callable[..., dict[str, Any]], width: int, theme: str
) -> None:
    page = html.render(*studies["twelve"]()).replace("</head>", f"<script>{axe()}</script></head>")
    seen = browse(page, width, theme)
    assert [each for each in seen["violations"] if each[0] in ("serious", "critical")] == []


def test_the_accessibility_check_can_fail(studies: Studies, browse: Callable[..., dict[str, Any]]) -> None:
    page = html.render(*studies["lesson"]()).replace("</head>", f"<script>{axe()}</script></head>")
    seen = browse(page.replace("</main>", '<img src="data:,"><button></button></main>'), 1440)
    assert {"image-alt", "button-name"} <= {each[1] for each in seen["violations"]}
