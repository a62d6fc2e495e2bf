"""The page in a browser: a handle is dragged, the verdict follows, and the console stays empty."""

import threading

import pytest

from stepsize.live_page.server import PageServer
from stepsize.schedules import parse
from tests.support.axe import SERIOUS, violations
from tests.support.browser import CHROMIUM, Browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
READY = "globalThis.stepsize?.score && !stepsize.busy.score && !stepsize.busy.shape && stepsize.map"
VERDICT = "document.querySelector('.verdict .difference').textContent"
SLIDER = "document.querySelector('[role=slider][data-path=\"{}\"]')"


@pytest.fixture(scope="module")
def browser(desks, tmp_path_factory):
    with (
        PageServer(desks.answer, "stepsize") as server,
        Browser(tmp_path_factory.mktemp("profile")) as opened,
    ):
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


def test_a_stroke_becomes_a_schedule(page):
    press(page, "Draw")
    left, top, right, bottom = page.run(
        "(() => { const {x, y} = document.querySelector('.schedule').getBoundingClientRect();"
        " const f = stepsize.schedule.frame; return [x + f.left, y + f.top, x + f.right, y + f.bottom]; })()"
    )
    page.mouse("mousePressed", left + 1, top + 40)
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        page.mouse("mouseMoved", left + share * (right - left), top + 40 + share * (bottom - top - 40))
    page.mouse("mouseReleased", right, bottom, buttons=0)
    page.wait(f"{READY} && stepsize.state.spec.startsWith('linear(')")
    assert page.run("document.querySelector('.is-stroke')") is None


def test_code_is_shown_and_runs(page):
    press(page, "Keras")
    text = page.wait("document.querySelector('.code').textContent")
    assert text.startswith("# For sgd with momentum=0.8, in batches of 28.\n")
    names = {}
    exec(text, names)
    spec = page.run("stepsize.state.spec")
    plan = parse(spec).plan(epochs=10, updates_per_epoch=9)
    assert float(names["schedule"](30)) == pytest.approx(plan(30), rel=1e-5)


def test_another_problem_is_opened_and_scored(page):
    page.run(
        "(() => { const list = document.querySelector('header select'); list.value = 'iris';"
        " list.dispatchEvent(new Event('change')); })()"
    )
    page.wait("stepsize.opened.title == 'iris' && stepsize.score && !stepsize.busy.score")
    assert page.run("stepsize.score.word") in ("better", "worse", "equivalent", "not shown")


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_nothing_serious_stands_in_the_way_of_anybody(page, width, dark):
    page.resize(width, dark=dark)
    assert [each for each in violations(page) if each[0] in SERIOUS] == []


def test_the_accessibility_check_can_fail(page):
    page.run("document.body.insertAdjacentHTML('beforeend', '<button></button>')")
    assert "button-name" in {each[1] for each in violations(page)}
