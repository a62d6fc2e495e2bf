"""The report in a browser: no console message, nothing wider than a phone, code that copies, accessible."""

from __future__ import annotations

import html as escaping
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2")

from stepsize.report import html
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details
from tests.support.axe import SERIOUS, violations
from tests.support.browser import CHROMIUM, Browser

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]

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
  parent.postMessage({
    copied, drawn: drawn.length, pictures: pictures.length,
    status: document.getElementById("status").textContent, width: innerWidth,
    needs: document.documentElement.scrollWidth,
    colour: getComputedStyle(document.body).backgroundColor,
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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_nothing_serious_stands_in_the_way_of_anybody(
    studies: Studies, browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    (tmp_path / "page.html").write_text(html.render(*studies["lesson"]()), "utf-8")
    browser.open((tmp_path / "page.html").as_uri(), width, dark=dark)
    browser.wait("document.querySelector('main') && document.readyState == 'complete'")
    browser.run("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert [each for each in violations(browser) if each[0] in SERIOUS] == []


def test_the_accessibility_check_can_fail(browser: Browser) -> None:
    browser.open("about:blank")
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\"><button></button>')")
    assert {"image-alt", "button-name"} <= {each[1] for each in violations(browser)}
