"""The page in a browser: a handle is dragged, the verdict follows, and the console stays empty."""

import threading

import pytest

from stepsize.live_page.server import PageServer
from tests.support.browser import CHROMIUM, Browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
READY = "globalThis.stepsize?.score && !stepsize.busy.score && !stepsize.busy.shape && stepsize.map"
VERDICT = "document.querySelector('.verdict .difference').textContent"
SLIDER = "document.querySelector('[role=slider][data-path=\"{}\"]')"


@pytest.fixture(scope="module")
def browser(desk, tmp_path_factory):
    with PageServer(desk.answer, "stepsize") as server, Browser(tmp_path_factory.mktemp("profile")) as opened:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        opened.url = server.url
        yield opened
        server.shutdown()


@pytest.fixture
def page(browser):
    browser.messages.clear()
    browser.open(browser.url)
    browser.wait(READY)
    yield browser
    assert browser.messages == []


def centre(page, path):
    script = f"(() => {{ const box = {SLIDER.format(path)}.querySelector('.grip').getBoundingClientRect();"
    return page.run(script + " return [box.x + box.width / 2, box.y + box.height / 2]; })()")


def press(page, text):
    page.run(f"[...document.querySelectorAll('button')].find(each => each.textContent == {text!r}).click()")


def write(page, spec):
    box = "const box = document.querySelector('.spec')"
    page.run(f"(() => {{ {box}; box.value = {spec!r}; box.dispatchEvent(new Event('input')); }})()")


def test_a_dragged_handle_changes_the_spec_and_the_verdict(page):
    before, spec = page.run(VERDICT), page.run("stepsize.state.spec")
    x, y = centre(page, "peak")
    page.mouse("mousePressed", x, y)
    for step in range(1, 6):
        page.mouse("mouseMoved", x, y + 30 * step)
    page.mouse("mouseReleased", x, y + 150, buttons=0)
    page.wait(f"stepsize.state.spec != {spec!r} && {READY} && {VERDICT} != {before!r}")
    peak = float(page.run(SLIDER.format("peak") + ".getAttribute('aria-valuenow')"))
    for text in ("stepsize.state.spec", "document.querySelector('.spec').value"):
        assert page.run(text) == f"cosine({peak:g})"
    assert peak < float(spec[7:-1]) / 2


def test_arrow_keys_move_a_slider(page):
    press(page, "Back to the baseline")
    page.wait(f"{READY} && document.querySelector('.word').textContent == 'the baseline'")
    value = f"Number({SLIDER.format('value')}.getAttribute('aria-valuenow'))"
    before = page.run(value)
    page.run(SLIDER.format("value") + ".focus()")
    for _ in range(12):
        page.key("PageDown")
        page.wait("!stepsize.busy.shape && !stepsize.waiting.shape")
    assert page.run(value) == pytest.approx(before / 1000, rel=0.05)
    page.wait(f"{READY} && document.querySelector('.word').textContent == 'worse'")


def test_the_spec_is_edited_as_text(page):
    write(page, "warmup(2*epochs) >> cosine(0.2)")
    page.wait(f"{READY} && document.querySelectorAll('.schedule [role=slider]').length == 4")
    assert page.run(SLIDER.format("pieces.0.length") + ".getAttribute('aria-valuetext')") == "2 epochs"
    write(page, "cosin(0.2)")
    page.wait("document.querySelector('.error').textContent.includes(\"did you mean 'cosine'\")")
    assert page.run("document.querySelector('.spec').value") == "cosin(0.2)"


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_no_width_scrolls_sideways(page, width):
    page.resize(width)
    assert page.run("document.documentElement.scrollWidth") <= width
