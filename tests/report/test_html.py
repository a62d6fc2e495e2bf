"""The one-file report: complete without scripts, safe with any name, silent on the network."""

from __future__ import annotations

import base64
import html as escaping
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

pytest.importorskip("jinja2")

from stepsize.report import html
from stepsize.report.view_model import view
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details

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
        "picture", "use", "warnings", "candidates", "notes", "results", "sweep", "curves", "schedules",
        "data", "repeat",
    ]  # fmt: skip


def test_it_opens_with_the_plain_headline_and_then_the_numbers(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    text = html.render(answer, details)
    assert f"<h1>{answer['verdict']['headline']}</h1>" in text
    words = Page(text).text
    assert words.index(answer["verdict"]["headline"]) < words.index(answer["verdict"]["sentence"])


def codes(text: str) -> dict[str, str]:
    """Return the code of every framework on a page."""
    found = re.findall(r'id="code-(\w+)">.*?<code>(.*?)</code>', text, re.DOTALL)
    return {to: escaping.unescape(code) for to, code in found}


def test_the_code_of_four_frameworks_has_the_momentum_too(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    chosen = next(c for c in answer["candidates"] if c["name"] == answer["verdict"]["recommended"])
    chosen["settings"] = {"momentum": 0.95}
    text = html.render(answer, details)
    found = codes(text)
    assert list(found) == ["keras", "torch", "optax", "transformers"]
    assert all("momentum=0.95" in code for code in found.values())
    assert {a["data-copy"] for a in Page(text).all("button")} == {f"code-{to}" for to in found}
    assert "with momentum 0.95" in Page(text).text
    assert "on scaled" not in Page(text).text
    answer["data"]["scaled"] = ["inputs", "target"]
    text = html.render(answer, details)
    assert "with momentum 0.95 on scaled inputs and target" in Page(text).text
    assert all("The study scaled the inputs and the target" in code for code in codes(text).values())


def test_the_code_on_the_page_runs(studies: Studies) -> None:
    pytest.importorskip("torch")
    import torch

    names = {"model": torch.nn.Linear(2, 1)}
    exec(codes(html.render(*studies["lesson"]()))["torch"], names)
    (group,) = names["optimizer"].param_groups
    assert group["momentum"] == 0.8
    rate = next(c["lr"] for c in studies["lesson"]()[0]["candidates"] if c["name"] == "constant(lr)")
    assert group["lr"] > 0
    assert rate is not None


def test_a_score_for_scale_stands_below_the_candidates(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    answer["data"]["references"] = [{"name": "logistic regression", "scores": [0.8, 0.9]}]
    words = Page(html.render(answer, details)).text
    assert "for scale: always the most common class" in words
    assert "for scale: logistic regression" in words
    assert "85.0 %" in words


def test_r2_is_a_number_and_the_error_stands_beside_it(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    answer["study"]["protocol"].update(metric="r2", margin=0.005)
    answer["data"].update(kind="regression", baseline_metric="r2", majority_baseline=0.0, references=[])
    for number, candidate in enumerate(answer["candidates"]):
        candidate["error"] = 50.0 + number
    shown = view(answer, details)
    assert shown.scale.title == "R2"
    assert shown.rows[0].score.startswith("0.9")
    assert "points" not in shown.margin_text
    words = Page(html.render(answer, details)).text
    assert "error" in words
    assert all(row.error in words for row in shown.rows)


def test_every_term_is_explained(studies: Studies) -> None:
    words = Page(html.render(*studies["lesson"]())).text
    assert "How to read this" in words
    for term in ("points", "±", "P(better)", "p (Holm)", "margin", "not shown", "sd"):
        assert term in words


def test_without_scripts_the_table_has_every_number(
    studies: Studies, rendered: Callable[[str, Study], str]
) -> None:
    study = studies["twelve"]()
    page = Page(rendered("twelve", study))
    for row in view(*study).rows:
        for cell in (row.name, row.lr, row.score, row.runs, row.difference, row.p_holm, row.verdict):
            assert cell in page.text
    assert not page.all("noscript")


def test_tables_have_headers_and_pictures_have_words(
    studies: Studies, rendered: Callable[[str, Study], str]
) -> None:
    page = Page(rendered("twelve", studies["twelve"]()))
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    pictures = [a for tag, a in page.tags if tag == "svg" and "viewbox" in a]
    assert len(pictures) == 4 + 5 * 12  # large ones, panels and pictures of plans
    assert all(a["role"] == "img" and a["aria-label"] for a in pictures)
    assert page.all("html")[0]["lang"] == "en"


def test_many_candidates_get_a_dozen_panels_and_the_baseline(studies: Studies) -> None:
    text = html.render(*studies["many"]())
    assert text.count('href="#shared-plans"') in (12, 13)
    assert "Shown for the best 12" in text


def test_the_file_is_small(studies: Studies, rendered: Callable[[str, Study], str]) -> None:
    assert len(rendered("twelve", studies["twelve"]()).encode()) < 700_000


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
    assert len(page.all("script")) == len(harmless.all("script")) == 1
    assert "{{7*7}}" in page.text
    assert "\x1b" not in text
    assert all(
        (img["src"] or "").startswith("data:image/")
        for img in Page(html.fragment(answer, details)).all("img")
    )


def test_the_answer_can_be_taken_out_again(study: Study) -> None:
    link = next(a for a in Page(html.render(*study)).all("a") if "download" in a)
    taken = json.loads(base64.b64decode((link["href"] or "").partition("base64,")[2]))
    assert taken == json.loads(json.dumps(study[0]).replace("NaN", "null"))


def test_the_fragment_needs_no_script_and_no_style(study: Study) -> None:
    text = html.fragment(*study)
    page = Page(text)
    assert not page.all("script")
    assert not page.all("style")
    assert not [a for _, a in page.tags if "style" in a or "class" in a]
    for sentence in (study[0]["verdict"]["headline"], study[0]["verdict"]["sentence"]):
        assert " ".join(sentence.split()) in page.text
    assert len(page.all("tr")) == len(study[0]["candidates"]) + 1
    assert all((img["src"] or "").startswith("data:image/") and img["alt"] for img in page.all("img"))
