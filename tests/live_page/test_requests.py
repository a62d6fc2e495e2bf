"""The messages of the page: what each is answered with, and what is wrong with a bad one."""

import json
import threading

import numpy as np
import pytest

from stepsize.live_page.opening import open_desk, settings_of
from stepsize.live_page.requests import Desk
from stepsize.live_page.session import Session
from stepsize.schedules import parse
from stepsize.study.candidates import Candidate
from tests.support.torch_problems import BOTH, FIRST, LAST, NONE, toy

BASELINE = {"spec": "constant(0.05)", "settings": {}}


def test_the_page_begins_with_a_schedule_and_a_baseline(ask):
    opened = ask(kind="open")
    assert opened["title"] == "ionosphere"
    assert (opened["chosen"]["spec"], opened["baseline"]["spec"]) == ("cosine(0.2)", "constant(0.1)")
    assert opened["presets"][0]["title"] == "Schedules"
    momentum, size = opened["settings"]
    assert (momentum["name"], momentum["usual"]) == ("momentum", 0.8)
    assert (size["usual"], 28 in size["values"]) == (28, True)
    assert ", sgd; 10 epochs" in opened["subtitle"]  # what a slider shows does not stand there as well


def test_candidates_that_the_page_cannot_train_are_named_and_left_out():
    candidates = [Candidate("constant(0.1)"), Candidate("cosine(0.2)", model="logistic", name="logistic")]
    candidates.append(Candidate("linear(0.3)", batch_size=60, name="large"))
    opened = open_desk("iris", None, candidates).opening  # nothing is trained
    assert [each["name"] for each in opened["presets"][0]["schedules"]] == ["constant(0.1)", "large"]
    assert opened["chosen"] == {"spec": "linear(0.3)", "settings": {"batch_size": 60}}
    assert opened["subtitle"].endswith("; not on this page, which trains one model and optimizer: logistic")


def test_the_slider_of_the_momentum_is_for_groups_without_their_own():
    usual = []
    for make in (FIRST, LAST, NONE):
        momentum, _ = settings_of(toy(optimizer=make))
        usual.append((momentum["name"], momentum["usual"]))
    assert usual == [("momentum", 0.0), ("momentum", 0.0), ("momentum", 0.8)]
    assert [each["name"] for each in settings_of(toy(optimizer=BOTH))] == ["batch_size"]


def test_the_code_names_the_groups_of_parameters(engine):
    text = []
    desk = Desk(Session(toy(optimizer=FIRST), engine, 2), {}, lambda chosen, baseline: "")
    desk.answer(
        {"kind": "code", "spec": "cosine(0.1)", "settings": {"momentum": 0.5}, "to": "torch"}, text.append
    )
    first = " ".join(line.removeprefix("# ") for line in text[0]["text"].splitlines()[:3])
    assert "2 groups of parameters: 2 parameters with momentum=0.9; 2 parameters, in batches of 32." in first


def test_a_dragged_handle_changes_the_spec_and_the_curve(ask):
    shape = ask(kind="shape", spec="warmup(2*epochs) >> cosine(0.1)", path="pieces.1.peak", value=0.20004)
    assert shape["spec"] == "warmup(2*epochs) >> cosine(0.2)"
    assert shape["peak"] == 0.2
    plan = parse(shape["spec"]).plan(epochs=10, updates_per_epoch=9)
    assert np.array_equal(shape["curve"]["rate"], plan.values)
    assert json.loads(json.dumps(shape, allow_nan=False)) == shape


def test_a_batch_size_changes_the_updates_of_an_epoch(ask):
    shape = ask(kind="shape", spec="linear(0.1)", settings={"batch_size": 235})
    assert len(shape["curve"]["epoch"]) == 10


def test_a_free_rate_is_that_of_the_page(ask):
    assert ask(kind="shape", spec="cosine(lr, floor=0.1*lr)", rate=0.4)["spec"] == "cosine(0.4, floor=0.04)"


def test_a_score_has_word_text_and_series(ask):
    score = ask(kind="score", chosen={"spec": "constant(0.0001)", "settings": {}}, baseline=BASELINE)
    assert score["word"] == "worse"
    assert "shown to be worse than the baseline, constant(" in score["headline"]
    assert score["difference"].startswith("−")
    assert len(score["pairs"]) == 30
    assert score["ci95"][0] <= score["mean"] <= score["ci95"][1] < 0
    assert [each["title"] for each in score["curves"]] == ["accuracy, %", "Validation loss", "Training loss"]
    assert len(score["curves"][0]["chosen"]["mean"]) == 10
    assert "confirm" in score
    assert json.loads(json.dumps(score, allow_nan=False)) == score


def test_the_word_of_a_found_schedule_says_that_it_is_exploratory(ask):
    specs = ["linear(0.01)", "linear(0.02)", "linear(0.03)"]
    score = [ask(kind="score", chosen={"spec": spec}, baseline=BASELINE) for spec in specs][-1]
    assert score["looked"] >= 3
    assert f"{score['looked']} schedules on these seeds" in score["chance"]
    assert "confirmed on fresh seeds" in score["chance"]
    names = "['constant(0.05)', 'linear(0.03)']"
    assert (
        score["confirm"] == f"stepsize.compare('ionosphere', {names}, epochs=10, baseline='constant(0.05)')"
    )


def test_the_call_that_confirms_has_the_momentum(desk):
    text = desk.confirm(Candidate("cosine(0.1)", momentum=0.5), Candidate("constant(0.1)"))
    assert "stepsize.Candidate('cosine(0.1)', momentum=0.5)" in text


def test_lost_runs_are_counted(ask):
    score = ask(kind="score", chosen={"spec": "constant(1e30)", "settings": {}}, baseline=BASELINE)
    assert json.loads(json.dumps(score, allow_nan=False)) == score
    assert (score["word"], score["scores"]["chosen"]["lost"]) == ("worse", "30 of 30 runs diverged")
    assert set(score["pairs"]) == {None}


@pytest.mark.parametrize("target", ["keras", "torch", "optax", "transformers"])
def test_the_code_names_what_the_rates_belong_to(ask, target):
    reply = ask(kind="code", spec="cosine(0.1)", settings={"momentum": 0.9}, to=target)
    assert reply["text"].startswith("# For sgd with momentum=0.9, in batches of 28.\n")
    compile(reply["text"], target, "exec")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"kind": "erase"}, "unknown kind 'erase'"),
        ({}, "unknown kind 'None'"),
        ({"kind": "shape"}, "spec=None must be text"),
        ({"kind": "shape", "spec": "cosin(0.1)"}, "did you mean 'cosine'"),
        ({"kind": "shape", "spec": "cosine(0.1)", "path": "peak", "value": "much"}, "value='much' must be"),
        ({"kind": "shape", "spec": "cosine(0.1)", "settings": 3}, "settings=3 must be names with numbers"),
        ({"kind": "score", "chosen": "cosine(0.1)"}, "chosen='cosine(0.1)' must be a schedule"),
        ({"kind": "score", "chosen": {**BASELINE, "settings": {"momentum": 7}}}, "momentum=7"),
        ({"kind": "code", "spec": "cosine(0.1)", "to": "fortran"}, "unknown target 'fortran'"),
    ],
)
def test_a_bad_message_is_answered_with_what_is_wrong(ask, message, text):
    reply = ask(**{"baseline": BASELINE, **message})
    assert reply["kind"] == "error"
    assert text in reply["text"]


def test_only_the_latest_of_a_page_is_scored(desk):
    """While the desk is busy, a page asks twice: the first of the two is dropped, another page is not."""
    replies, threads = {}, []
    asked = [("a", "one", "cosine(0.31)"), ("b", "two", "cosine(0.32)"), ("c", "one", "cosine(0.33)")]

    def ask_in_a_thread(name, page, spec):
        message = {"id": name, "page": page, "kind": "score", "chosen": {"spec": spec}, "baseline": BASELINE}
        keep = lambda reply: replies.__setitem__(name, reply["kind"])  # noqa: E731
        threads.append(threading.Thread(target=desk.answer, args=(message, keep)))
        threads[-1].start()
        threads[-1].join(0.05)

    with desk._lock:
        for each in asked:
            ask_in_a_thread(*each)
    for thread in threads:
        thread.join(60)
    assert replies == {"a": "superseded", "b": "score", "c": "score"}
