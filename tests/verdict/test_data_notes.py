"""Notes and warnings on data and splits: facts in words, warnings where due, silence where not."""

from dataclasses import replace

import numpy as np
import pytest

from stepsize.problems.data_facts import describe
from stepsize.problems.loading.catalog import load
from stepsize.problems.metrics import metric_of
from stepsize.problems.problem import Problem, problem
from stepsize.problems.splitting.splits import Parts, Split
from stepsize.stats import summarise
from stepsize.study.protocol import rounds
from stepsize.study.stores.store import Run
from stepsize.study.study import make_study
from stepsize.verdict import data_notes
from stepsize.verdict.new_rows import new_rows
from stepsize.verdict.summary import summarise_study

X = np.random.default_rng(0).normal(size=(200, 2))
COST = {"runs": 0, "seconds": 0.0, "runs_per_second": 0.0, "compile_seconds": 0.0}
METRICS = {"regression": "r2"}


def judge(data, parts, folds=None, metric=None, margin=None):
    """Return the note and the warnings on data with parts."""
    split = None if folds is None else Split("kfold", folds=folds)
    facts = describe(data, parts, split, metric_of(metric, None, data.kind))
    protocol = {
        "metric": metric or METRICS.get(data.kind, "accuracy"), "folds": folds, "share": True,
        "split_kind": "kfold" if folds else "stratified",
        "margin": margin or max(0.005, facts["sample_value"] or 0.0),
    }  # fmt: skip
    return data_notes.validation_note(facts, protocol), list(data_notes.warnings(facts, protocol))


def halves(rows=200):
    return Parts(np.arange(rows // 2), np.arange(rows // 2, rows))


def test_even_classes_and_large_parts_need_no_warning():
    x = np.random.default_rng(0).normal(size=(2000, 2))
    note, warnings = judge(load((x, np.arange(2000) % 2)), halves(2000))
    assert "1,000 rows, 500 of each class: always answering '0' scores 50.0 %" in note
    assert warnings == []


def test_shares_that_differ_and_classes_that_are_absent():
    y = np.array([0, 1] * 50 + [0, 1, 0, 2] * 25)
    _, warnings = judge(load((X, y)), halves())
    assert "class '1' is 50 % of the training rows and 25 % of the validation rows" in warnings[0]
    assert "There are no training rows of class '2'," in warnings[1]
    y = np.array([0, 1, 2, 3] * 25 + [0, 1] * 50)
    _, warnings = judge(load((X, y)), halves())
    assert any("There are no validation rows of class '2' (nor of 1 more)" in warning for warning in warnings)


def test_small_parts():
    _, warnings = judge(load((X[:40], np.arange(40) % 2)), halves(40))
    assert warnings == [
        "The validation part is small: one of its 20 rows is worth 5 points, so smaller differences do not "
        "count; more rows, or a cross-validation (folds=10), which judges every row, would show them."
    ]
    labels = np.random.default_rng(0).integers(0, 2, (40, 2))
    _, warnings = judge(load((X[:40], labels)), halves(40))
    assert any("one correct answer on its 20 rows is worth 2.5 points" in warning for warning in warnings)


def test_small_parts_in_other_metrics():
    y = np.arange(40) % 4 == 3
    _, warnings = judge(load((X[:40], y.astype(int))), halves(40), metric="recall")
    assert "is small for the recall: one of its 20 rows can be worth 20 points, so smaller" in warnings[0]
    for metric in ("auc", "binary_crossentropy"):
        assert judge(load((X[:40], y.astype(int))), halves(40), metric=metric)[1] == []


def test_a_margin_below_one_row():
    """Differences below one row's worth do count then."""
    _, (warning,) = judge(load((X[:40], np.arange(40) % 2)), halves(40), margin=0.001)
    assert "is worth 5 points, more than the margin of 0.1 points; more rows" in warning
    assert warning.endswith("would show smaller differences.")


def test_copied_rows():
    x = np.concatenate([X[:100], X[:100]])
    _, warnings = judge(load((x, np.arange(200) % 2)), halves())
    assert any(
        "100 of the 100 validation rows have the same inputs as a training row" in each for each in warnings
    )


def test_facts_for_each_kind():
    labels = np.random.default_rng(0).integers(0, 2, (200, 3))
    note, _ = judge(load((X, labels)), halves())
    assert "always giving the more common answer for each label scores 5" in note
    assert "one correct answer is worth 0.33 points" in note
    note, warnings = judge(load((X, X[:, 0])), halves())
    assert "always predicting the mean of the training rows scores about 0, and a perfect model" in note
    assert warnings == []
    note, _ = judge(load((X, X[:, 0])), halves(), metric="mae")
    assert note == "The validation part has 100 rows."
    note, _ = judge(load((X, np.arange(200) % 2)), halves(), folds=2)
    assert (
        "Each of the 2 folds validates on about 100 rows (every row once per repeat), 50 of each class"
        in note
    )
    assert "one row is worth 0.5 points" in note


def test_a_test_part_of_its_own_is_named():
    data = load({"train": (X[:100], np.arange(100) % 2), "test": (X[100:], np.arange(100) % 2)})
    note, _ = judge(data, Split().parts(data, 0))
    assert "The verdict uses the data's own test part, which tuning never sees; it has 100 rows" in note
    assert "one of its 100 rows is worth 1 point," in " ".join(judge(data, Parts(*halves()), folds=2)[1])


def answer_of(chosen, score, seeds):
    """The answer of a study whose runs score as `score(candidate name, seed)` says."""
    study = make_study(chosen, ["constant(0.1)", "cosine(0.1)"], seeds)
    runs = {}
    for stage in rounds(study, runs):
        for job in stage.jobs:
            curves = np.full((4, study.epochs), score(job.candidate.name, job.seed), np.float32)
            runs[job.key] = Run(job.candidate.key(job.rate), job.seed, job.rate, None, curves)
    return summarise_study(study, runs, COST)


def noisy(name, seed):
    return 0.8 + 0.02 * float(np.random.default_rng(seed + 1000 * len(name)).normal())


def test_a_cross_validation_counts_repeats():
    answer = answer_of(problem("iris", folds=5), noisy, 40)
    for candidate in answer["candidates"]:
        scores = np.array(candidate["scores"])
        assert (candidate["n"], candidate["replicates"], len(scores)) == (40, 8, 40)
        whole = summarise(scores.reshape(8, 5).mean(axis=1), sample_value=1 / 150)
        assert candidate["mean"] == pytest.approx(scores.mean())
        assert candidate["ci95"] == pytest.approx(list(whole.ci95))
        assert candidate["sd"] == pytest.approx(whole.sd)
    assert "over 8 × 5-fold cross-validation" in answer["verdict"]["sentence"]
    assert answer["study"]["protocol"]["split"].startswith("5-fold cross-validation")
    assert answer["verdict"]["seeds_needed"] % 5 == 0
    assert not any("fewer than" in warning for warning in answer["warnings"])
    few = answer_of(problem("iris", folds=5), noisy, 25)
    assert any(
        "With fewer than 6 repeats, no difference between 2 candidates can be shown" in each
        for each in few["warnings"]
    )


def test_no_better_than_knowing_nothing():
    answer = answer_of(Problem("mlp(3)", (X, X[:, 0])), lambda name, seed: noisy(name, seed) - 1, 6)
    assert "No candidate beats always predicting the mean of the training rows (0)." in answer["warnings"]
    answer = answer_of(Problem("mlp(3)", (X, X[:, 0])), noisy, 6)
    assert not any("No candidate beats" in each for each in answer["warnings"])


def test_a_constant_answer_to_beat_is_that_of_all_folds():
    """The first of 7 folds has 4 of 9 rows of the class that has 22 of 63, so 40 % are better than it."""
    y = np.repeat(["a", "b", "c"], [22, 21, 20])
    folded = Problem("mlp(3)", (X[:63], y), name="folded", split=Split("kfold", folds=7))
    for score, beaten in ((0.4, True), (0.34, False)):
        answer = answer_of(folded, lambda name, seed, at=score: at + 1e-4 * seed, 14)
        texts = [answer["verdict"]["headline"], *answer["warnings"]]
        assert any("No candidate beats" in text for text in texts) != beaten
        assert "always answering 'a' scores 34.9 %" in " ".join(answer["verdict"]["for_scale"])


@pytest.mark.parametrize("metric", ["mae", "r2"])
def test_one_candidate_that_beats_a_constant_answer_is_enough(metric):
    chosen = Problem("mlp(3)", (X, X[:, 0]), metric=metric)
    constant = chosen.facts()["data"]["majority_baseline"]
    good, bad = (constant - 0.1, constant + 0.1) if metric == "mae" else (constant + 0.1, constant - 0.1)
    for first, second in ((good, bad), (bad, good), (bad, bad)):
        scores = {"constant(0.1)": first, "cosine(0.1)": second}
        answer = answer_of(chosen, lambda name, seed, by=scores: by[name] + 1e-4 * seed, 6)
        texts = [answer["verdict"]["headline"], *answer["warnings"]]
        assert any("No candidate beats" in text for text in texts) == (first == second)


@pytest.mark.parametrize(("metric", "mean", "ends"), [("mae", 0.1, (0, None)), ("r2", 0.9, (None, 1))])
def test_new_rows_are_expected_to_score_what_is_possible(metric, mean, ends):
    scores = {seed: mean + 0.1 * (-1) ** seed for seed in range(100)}
    answer = answer_of(Problem("mlp(3)", (X, X[:, 0]), metric=metric), lambda _, seed: scores[seed % 100], 2)
    for candidate in answer["candidates"]:
        low, high = candidate["ci95_new_rows"]
        assert (low, high) == (low if ends[0] is None else ends[0], high if ends[1] is None else ends[1])
        assert low < mean < high


def test_whole_groups_say_nothing_of_new_rows():
    table = load((X, np.arange(200) % 2), groups=np.arange(200) // 10)
    folded = Problem("mlp(3)", table, split=Split("kfold", folds=5))
    answer = answer_of(folded, noisy, 10)
    assert answer["data"]["groups"] == 20
    assert all(candidate["ci95_new_rows"] is None for candidate in answer["candidates"])
    drawn = answer_of(Problem("mlp(3)", (X, np.arange(200) % 2), split=Split("kfold", folds=5)), noisy, 10)
    assert all(candidate["ci95_new_rows"] for candidate in drawn["candidates"])


def test_a_metric_of_the_users_own_is_not_a_share_of_rows_whatever_its_name():
    study = make_study(problem((X, np.arange(200) % 2), model="mlp(3)"), ["constant(0.1)"], 20)
    data, protocol = study.facts["data"], study.facts["protocol"]
    own = {"data": {**data, "sample_value": None}, "protocol": {**protocol, "metric": "balanced_accuracy"}}
    auc = {"data": {**data, "sample_value": None}, "protocol": {**protocol, "metric": "auc"}}
    scores = np.linspace(0.8, 0.9, 20)
    usual, one, other = (
        new_rows(replace(study, facts={**study.facts, **facts}), scores) for facts in ({}, own, auc)
    )
    assert one == pytest.approx(other)
    assert one != pytest.approx(usual)


def test_the_report_says_how_the_data_were_read():
    answer = answer_of(Problem("mlp(3)", (X, np.arange(200) % 2)), noisy, 6)
    assert "Data: y: two classes, '0' and '1'." in answer["notes"]
    assert "Data: fitted on the training rows of each seed: StandardScaler()." in answer["notes"]
