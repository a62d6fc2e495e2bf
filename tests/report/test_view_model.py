"""The view: order, marks and words, whatever the study looked like."""

from __future__ import annotations

from collections.abc import Callable

from stepsize.report.view_model import view
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details
from tests.support.answers import assert_declared

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]


def test_every_candidate_has_one_row_and_the_best_mean_is_first(study: Study) -> None:
    shown = view(*study)
    assert sorted(row.name for row in shown.rows) == sorted(c["name"] for c in study[0]["candidates"])
    means = [row.mean for row in shown.rows if row.mean is not None]
    assert means == sorted(means, reverse=shown.scale.higher_is_better)
    assert [row.index for row in shown.rows] == list(range(len(shown.rows)))


def test_a_candidate_that_always_diverged_is_last_and_shows_no_score(studies: Studies) -> None:
    last = view(*studies["one_lost"]()).rows[-1]
    assert last.name == "one_cycle(lr)"
    assert (last.score, last.difference, last.verdict, last.runs) == ("–", "–", "diverged", "0/30")
    assert set(last.scores) == {None}


def test_a_candidate_that_sometimes_diverged_says_how_often(studies: Studies) -> None:
    rows = {row.name: row for row in view(*studies["twelve"]()).rows}
    assert rows["one_cycle(lr)"].runs == "26/30"
    assert rows["linear(lr)"].runs == "30"


def test_when_everything_diverged_nothing_is_recommended(studies: Studies) -> None:
    shown = view(*studies["all_diverged"]())
    assert shown.all_diverged
    assert shown.recommended is None
    assert not any(row.in_best_set for row in shown.rows)


def test_one_seed_has_no_interval(studies: Studies) -> None:
    for row in view(*studies["one_seed"]()).rows:
        assert "±" not in row.score + row.difference
        assert row.ci95 is None


def test_epochs_of_a_plan_are_updates_over_updates_an_epoch(studies: Studies) -> None:
    row = view(*studies["lesson"]()).rows[0]
    assert row.plan_epochs[0] == 0
    assert row.plan_epochs[-1] == 50


def test_losses_are_plain_numbers_and_the_protocol_says_what_is_better(studies: Studies) -> None:
    shown = view(*studies["lower"]())
    assert "%" not in shown.scale.title
    assert ("better scores are", "lower") in shown.protocol
    assert shown.margin_text == "0.002"


def test_the_protocol_is_readable(studies: Studies) -> None:
    lines = dict(view(*studies["lesson"]()).protocol)
    assert lines["optimizer"] == "sgd, momentum 0.8"
    assert lines["tuning"] == (
        "7 rates per candidate, then 5 around the best and 5 closer to it, on seeds 1000000–1000031"
    )
    assert lines["smallest difference that matters"] == "0.86 points"
    assert "every learning rate is fixed" in dict(view(*studies["not_tuned"]()).protocol)["tuning"]


def test_every_study_of_these_tests_has_the_shape_of_a_real_one(study: Study) -> None:
    assert_declared(study[0], Answer)


def test_the_seeds_that_are_needed_are_more_than_the_most_that_is_tried(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    for needed, text in ((47, "47"), (100_000, "more than 100,000")):
        answer["verdict"]["seeds_needed"] = needed
        assert ("seeds needed to show it", text) in view(answer, details).facts
