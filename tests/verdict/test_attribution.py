"""What a difference is due to: said of shown differences alone, and of schedules and settings as given."""

import numpy as np

from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.study import make_study
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, finish, noise

PLAIN = Candidate("cosine(0.1)", "plain")
MORE = Candidate("cosine(0.1)", "more", momentum=0.9)
SIMPLER = Candidate("constant(0.1)", "simpler", momentum=0.9)


def answer_with(leads, spreads, candidates=(PLAIN, MORE, SIMPLER)):
    def score(name, seed):
        return 0.8 + leads[name] + noise(seed) + noise(seed + 1000 * len(name), spreads.get(name, 0.001))

    study = make_study(problem("ionosphere"), candidates, 20, baseline="plain")
    return summarise_study(study, finish(study, score), COST)


def test_settings_get_no_credit_for_a_difference_that_is_not_shown():
    leads = {"plain": 0.0, "more": 0.02, "simpler": 0.01}
    answer = answer_with(leads, {"simpler": 0.05})
    assert answer["verdict"]["recommended"] == "simpler"
    assert answer["candidates"][2]["vs_baseline"]["verdict"] == "not shown"
    assert answer["notes"][0].startswith("Momentum made the difference")
    assert answer["verdict"]["sentence"].endswith("points (not shown).")
    assert "because" not in answer["verdict"]["headline"]


def test_settings_get_credit_for_a_difference_that_is_shown():
    answer = answer_with({"plain": 0.0, "more": 0.02, "simpler": 0.02}, {})
    because = ", because of its momentum, not its schedule"
    assert answer["verdict"]["sentence"].endswith(f"points (better){because}.")
    assert f"it is better than plain{because}" in answer["verdict"]["headline"]


def test_only_settings_that_are_shown_to_matter_are_named():
    candidates = [
        Candidate("constant(0.1)", "plain"),
        Candidate("constant(0.1)", "more", momentum=0.9),
        Candidate("constant(0.1)", "clipped", clipnorm=1.0),
    ]
    note = answer_with({"plain": 0.0, "more": 0.02, "clipped": 0.0}, {}, candidates)["notes"][0]
    assert note.startswith("Momentum made a difference: constant(0.1) with momentum=0.9")
    assert "with clipnorm=1.0 instead of clipnorm=default" in note


def highest_at_a_rate_of_its_own(job):
    """Return a score whose best rate is lower the higher the momentum is."""
    peak = np.log10(0.1 * (1 - job.candidate.settings.get("momentum", 0.0)))
    return 0.8 - 0.05 * (np.log10(job.rate) - peak) ** 2 + noise(job.seed)


def test_a_rate_of_its_own_is_no_other_schedule():
    candidates = [
        Candidate("constant(lr)"),
        Candidate("constant(lr)", momentum=0.9),
        Candidate("cosine(lr)", momentum=0.9),
    ]
    study = make_study(problem("ionosphere"), candidates, 12)
    answer = summarise_study(study, finish(study, highest_at_a_rate_of_its_own, by_job=True), COST)
    assert len({candidate["spec"] for candidate in answer["candidates"]}) == 3
    settings, schedules = answer["notes"][:2]
    assert settings.startswith("Momentum is not shown to make a difference: constant(lr) with momentum=0.9")
    assert schedules.startswith("With momentum=0.9 throughout, no schedule is shown to add anything")
    assert "Compared with constant(lr): cosine(lr)" in schedules
    assert not any("changes both" in note for note in answer["notes"])


def test_fixed_rates_that_differ_are_other_schedules():
    candidates = [
        Candidate("constant(0.1)", "plain"),
        Candidate("constant(0.1)", "more", momentum=0.9),
        Candidate("constant(0.02)", "lower", momentum=0.5),
    ]
    notes = answer_with({"plain": 0.0, "more": 0.02, "lower": 0.0}, {}, candidates)["notes"]
    assert any(note.startswith("constant(0.02) with momentum=0.5 changes both") for note in notes)


def test_a_word_that_rests_on_lost_runs_says_who_lost_them():
    def score(name, seed):
        if name == "plain" and seed % 2:
            return None
        return 0.8 + 0.02 * (name == "plain") + noise(seed) + noise(seed + 1000 * len(name), 0.001)

    study = make_study(problem("ionosphere"), [PLAIN, MORE], 30, baseline="plain")
    note = summarise_study(study, finish(study, score), COST)["notes"][0]
    assert note.endswith("points on 15 of 30 seeds (better: plain lost 15 of 30 runs).")
