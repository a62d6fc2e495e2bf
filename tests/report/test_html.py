"""The one-file report: complete without scripts, safe with any name, silent on the network."""

from __future__ import annotations

import base64
import html as escaping
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from stepsize.report import html
from stepsize.report.view_model import view
from stepsize.verdict.answer import Answer, Details

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]


class Page(HTMLParser):
    """The tags and the readable text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._hidden = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._hidden = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def assert_offline(text: str) -> None:
    """Nothing may be loaded: no address in a tag or a style, and a policy that forbids all requests."""
    page = Page(text)
    addresses = [a.get(k) or "" for _, a in page.tags for k in ("src", "href", "srcset", "action", "poster")]
    assert [a for a in addresses if not a.startswith(("#", "data:")) and a] == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert not re.search(r"@import|url\(", styles)
    policies = [
        m["content"] or "" for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert "http" not in policies[0]
    assert "connect-src" not in policies[0]


@pytest.fixture(scope="module")
def rendered() -> Callable[[str, Study], str]:
    pages: dict[str, str] = {}

    def render(name: str, study: Study) -> str:
        if name not in pages:
            pages[name] = html.render(*study)
        return pages[name]

    return render


def test_the_offline_check_can_fail(studies: Studies) -> None:
    text = html.render(*studies["nulls"]())
    assert_offline(text)
    for bad in (
        text.replace("</main>", '<img src="https://example.org/x.png"></main>'),
        text.replace("default-src 'none'", "default-src *"),
        text.replace("<style>", "<style>@import 'x.css';", 1),
    ):
        with pytest.raises(AssertionError):
            assert_offline(bad)


def test_every_study_makes_a_complete_offline_page(study: Study) -> None:
    answer, details = study
    text = html.render(answer, details)
    assert_offline(text)
    page = Page(text)
    for sentence in [answer["verdict"]["sentence"], *answer["warnings"], *answer["notes"]]:
        assert " ".join(sentence.split()) in page.text
    assert answer["study"]["command"] in page.text
    assert answer["study"]["fingerprint"] in page.text
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {(a["href"] or "")[1:] for a in page.all("a") if (a["href"] or "").startswith("#")}
    assert links <= set(ids)


def test_sections_come_in_the_order_a_reader_needs(
    studies: Studies, rendered: Callable[[str, Study], str]
) -> None:
    page = Page(rendered("lesson", studies["lesson"]()))
    assert [a["id"] for tag, a in page.tags if tag == "section"] == [
        "candidates", "warnings", "notes", "results", "differences", "curves", "sweep", "schedules", "data",
        "cost", "repeat",
    ]  # fmt: skip


def test_the_recommended_schedule_is_ready_to_copy(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    chosen = next(c for c in answer["candidates"] if c["name"] == answer["verdict"]["recommended"])
    chosen["settings"] = {"momentum": 0.8}
    page = Page(html.render(answer, details))
    assert page.all("button")[0]["data-copy"] == chosen["spec"]
    assert f"{chosen['spec']}with momentum 0.8" in page.text
    assert "on scaled" not in page.text
    answer["data"]["scaled"] = ["inputs", "target"]
    assert "with momentum 0.8on scaled inputs and target" in Page(html.render(answer, details)).text


def test_without_scripts_the_table_has_every_number(
    studies: Studies, rendered: Callable[[str, Study], str]
) -> None:
    study = studies["twelve"]()
    page = Page(rendered("twelve", study))
    for row in view(*study).rows:
        for cell in (row.name, row.lr, row.score, row.runs, row.difference, row.p_holm, row.verdict):
            assert cell in page.text
    assert len(page.all("noscript")) == 2


def test_tables_have_headers_and_pictures_have_words(
    studies: Studies, rendered: Callable[[str, Study], str]
) -> None:
    page = Page(rendered("twelve", studies["twelve"]()))
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    pictures = [a for _, a in page.tags if "data-chart" in a or a.get("class") == "spark"]
    assert len(pictures) == 12 + 3 + 4 * 12
    assert all(a["role"] == "img" and a["aria-label"] for a in pictures)
    assert page.all("html")[0]["lang"] == "en"


def test_many_candidates_get_a_dozen_panels_and_the_baseline(studies: Studies) -> None:
    text = html.render(*studies["many"]())
    panels = [a for _, a in Page(text).tags if a.get("data-chart") == "plan"]
    assert len(panels) in (12, 13)
    assert "Shown for the best 12" in text


def test_the_file_is_small(studies: Studies, rendered: Callable[[str, Study], str]) -> None:
    assert len(rendered("twelve", studies["twelve"]()).encode()) < 1_200_000


def test_equal_input_gives_an_equal_file(studies: Studies, rendered: Callable[[str, Study], str]) -> None:
    assert html.render(*studies["lesson"]()) == rendered("lesson", studies["lesson"]())
    assert html.fragment(*studies["lesson"]()) == html.fragment(*studies["lesson"]())


def test_a_hostile_name_stays_text(
    studies: Studies, rendered: Callable[[str, Study], str], hostile_name: str
) -> None:
    answer, details = studies["hostile"]()
    for where in ("name", "source"):
        answer["data"][where] = hostile_name
    answer["data"]["classes"] = [hostile_name]
    answer["study"]["name"] = answer["study"]["command"] = hostile_name
    answer["verdict"]["sentence"] = answer["warnings"][0] = answer["notes"][0] = hostile_name
    answer["study"]["fingerprint"] = answer["study"]["protocol"]["split"] = hostile_name
    text = html.render(answer, details)
    page, harmless = Page(text), Page(rendered("not_tuned", studies["not_tuned"]()))
    assert not page.all("img")
    assert len(page.all("script")) == len(harmless.all("script")) == 3
    assert "{{7*7}}" in page.text
    assert "\x1b" not in text
    data = json.loads(re.findall(r'id="charts">(.*?)</script>', text, re.DOTALL)[0])
    assert any(record["name"] == hostile_name for record in data["datasets"]["means"])
    assert not Page(html.fragment(answer, details)).all("img")


def test_the_answer_can_be_taken_out_again(study: Study) -> None:
    link = next(a for a in Page(html.render(*study)).all("a") if "download" in a)
    taken = json.loads(base64.b64decode((link["href"] or "").partition("base64,")[2]))
    assert taken == json.loads(json.dumps(study[0]).replace("NaN", "null"))


def test_the_fragment_is_small_and_has_no_scripts(study: Study) -> None:
    text = html.fragment(*study)
    page = Page(text)
    assert not page.all("script")
    assert not page.all("style")
    assert " ".join(study[0]["verdict"]["sentence"].split()) in page.text
    assert len(page.all("tr")) == len(study[0]["candidates"]) + 1
    assert len(text) < 1000 + 900 * len(study[0]["candidates"]) + 300 * len(study[0]["warnings"])


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom",
]  # fmt: skip
REPORT = """<script>addEventListener("load", () => setTimeout(() => {
  const boxes = [...document.querySelectorAll("[data-chart]")];
  const drawn = boxes.filter(box => box.querySelectorAll("svg path:not([d=''])").length > 3).length;
  parent.postMessage({boxes: boxes.length, drawn, width: innerWidth,
    needs: document.documentElement.scrollWidth,
    colour: getComputedStyle(document.body).backgroundColor}, "*");
}, 8000));</script>"""
FRAME = """<!doctype html><body><iframe style="width:390px;height:2000px;border:0" srcdoc="{}"></iframe>
<script>addEventListener("message", e => document.body.dataset.found = JSON.stringify(e.data))</script>"""


def browse(page: Path, profile: Path, *flags: str) -> tuple[str, list[str]]:
    """Open a page in a browser; return its final DOM and its console messages."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("name", ["twelve", "long", "all_diverged"])
def test_a_phone_draws_every_picture_and_scrolls_only_down(
    studies: Studies, tmp_path: Path, name: str
) -> None:
    head, end, tail = html.render(*studies[name]()).rpartition("</body>")
    page = tmp_path / "page.html"
    page.write_text(FRAME.format(escaping.escape(head + REPORT + end + tail)), "utf-8")
    dom, console = browse(page, tmp_path / "profile", "--blink-settings=preferredColorScheme=0")
    seen = json.loads(escaping.unescape(re.findall(r'data-found="(.*?)"', dom)[0]))
    assert console == []
    assert seen["boxes"] > 0
    assert seen["drawn"] == seen["boxes"]
    assert seen["width"] == 390
    assert seen["needs"] <= 390
    assert seen["colour"] == "rgb(20, 23, 27)"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_browser_check_sees_a_broken_page(studies: Studies, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    head, start, tail = html.render(*studies["lesson"]()).rpartition('"use strict";')
    page.write_text(head + start + "thisIsNotDefined();" + tail, "utf-8")
    _, console = browse(page, tmp_path / "profile")
    assert any("thisIsNotDefined" in line for line in console)
