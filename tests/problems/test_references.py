"""Logistic and linear regression on the splits of a study."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.metrics import r2_score

import stepsize as ss
from stepsize.number_format import rounded
from stepsize.problems.loading.catalog import load
from stepsize.problems.metrics import make_metric, metric_of
from stepsize.problems.reference_scores import CLASSES, QUANTITIES, score_by
from stepsize.problems.references import WORK, references, target_spreads
from stepsize.problems.splitting.splits import Split
from stepsize.problems.target_encoding import takes_class_numbers
from stepsize.study.study import make_study
from stepsize.verdict import references as words
from stepsize.verdict.data_notes import beats_constant, validation_note
from stepsize.verdict.for_scale import for_scale
from stepsize.verdict.formatting import candidate_named
from tests.support.answers import recorded_answer
from tests.support.user_models import compiled

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))


def problem(y, **options):
    return ss.Problem(options.pop("model", "mlp(4)"), (X, y), name="toy", **options)


def test_it_is_scikit_learns_own_score_on_the_same_rows():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    y = (X[:, 0] + 0.3 * RNG.normal(size=120) > 0).astype(int)
    toy = problem(y)
    (reference,) = references(toy, range(3))
    assert reference["name"] == "logistic regression"
    for seed, score in enumerate(reference["scores"]):
        parts = toy.parts(seed)
        scaler = StandardScaler().fit(X[parts.train])
        model = LogisticRegression(max_iter=1000).fit(scaler.transform(X[parts.train]), y[parts.train])
        assert score == pytest.approx(model.score(scaler.transform(X[parts.valid]), y[parts.valid]))


@pytest.mark.parametrize(("metric", "best"), [(None, 1.0), ("mae", 0.0), ("root_mean_squared_error", 0.0)])
def test_a_regression_in_each_metric(metric, best):
    toy = problem(1_000 + 50 * X[:, 0], metric=metric)
    (reference,) = references(toy, range(2))
    assert reference["name"] == "linear regression"
    assert reference["scores"] == pytest.approx([best, best], abs=1e-4)
    spreads = target_spreads(toy, range(2))
    assert len(spreads) == (2 if metric is None else 0)
    assert all(spread == pytest.approx(50, rel=0.4) for spread in spreads)


def test_there_is_none_where_it_would_not_be_the_same_question():
    labels = RNG.integers(0, 2, (120, 3))
    assert references(problem(labels), range(2)) == []
    assert references(problem(X[:, 0] > 0, metric="poisson"), range(2)) == []
    images = ss.Problem("mlp(4)", (RNG.normal(size=(120, 6, 6)), np.arange(120) % 2), name="images")
    assert references(images, range(2)) == []


def test_it_takes_no_longer_than_a_second_or_so():
    wide = ss.Problem("mlp(4)", (RNG.normal(size=(WORK // 4_000, 3_000)), np.arange(WORK // 4_000) % 2))
    assert len(references(wide, range(30))[0]["scores"]) == 1
    huge = ss.Problem("mlp(4)", (RNG.normal(size=(WORK // 2_000, 3_000)), np.arange(WORK // 2_000) % 2))
    assert references(huge, range(30)) == []


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_every_score_is_that_of_keras(kind):
    rows, width = 150, 3 if kind == "multiclass" else 1
    numbers = RNG.integers(0, 3, rows) if width > 1 else RNG.random(rows) < 0.14
    y = np.eye(3)[numbers] if width > 1 else numbers[:, None].astype(float)
    p = np.clip(0.2 * y + RNG.random((rows, width)) * 0.7, 0.01, 0.99)
    p = p / p.sum(axis=1, keepdims=True) if width > 1 else p
    if kind == "regression":
        y, p = 40 + 5 * y, 40 + 5 * p
    for name in QUANTITIES if kind == "regression" else CLASSES:
        if (score := score_by(name, kind)) is not None:
            metric = make_metric(metric_of(name, None, kind), kind, width)
            target = numbers if width > 1 and takes_class_numbers(metric) else y
            metric.update_state(target.astype("float32"), p.astype("float32"))
            assert score(y, p) == pytest.approx(float(metric.result()), rel=1e-3, abs=1e-5), name


def test_another_metric_has_its_own_constant_answer_and_keeps_the_shares():
    y = (X[:, 0] + RNG.normal(size=120) > 1.5).astype(int)
    facts = problem(y, metric="auc").facts()
    data = facts["data"]
    assert (data["majority_baseline"], data["baseline_metric"]) == (pytest.approx(0.5), "auc")
    assert "of class '0'." in validation_note(data, facts["protocol"])
    (reference,) = references(problem(y, metric="auc"), range(3))
    assert min(reference["scores"]) > 0.5
    mae = problem(50 * X[:, 0], metric="mae").facts()
    assert mae["data"]["majority_baseline"] > 10
    assert not beats_constant(mae["data"], mae["protocol"], [1e3])
    assert beats_constant(mae["data"], mae["protocol"], [1.0])


@pytest.mark.parametrize("metric", ["auc", "recall", "f1_score"])
def test_a_model_of_ones_own_is_set_beside_the_same_scores(metric):
    """With two outputs for two classes, too: a metric is that of the second class."""
    y = (X[:, 0] + RNG.normal(size=120) > 0.8).astype(int)
    own = problem(y, metric=metric, model=compiled(outputs=2))
    text = problem(y, metric=metric)
    assert references(own, range(2)) == references(text, range(2)) != []
    assert own.facts()["data"]["majority_baseline"] == text.facts()["data"]["majority_baseline"]


@pytest.mark.parametrize(
    ("average", "words"), [("macro", "is a mean over both"), ("micro", "it the accuracy")]
)
def test_a_note_says_that_an_f1_is_one_of_both_classes(average, words):
    metric = keras.metrics.F1Score(average=average)
    own = problem(np.arange(120) % 2, metric=metric, model=compiled(outputs=2))
    (note,) = [each for each in own.facts()["protocol"]["model_notes"] if words in each]
    assert note.endswith("metric='f1_score' is that of class '1'")


@pytest.mark.parametrize(("lead", "warned", "word"), [(-0.08, 1, "at least as good"), (0.0, 0, "as good")])
def test_a_simple_model_stands_beside_the_recommended_candidate(lead, warned, word):
    answer = recorded_answer()
    best = candidate_named(answer["candidates"], answer["verdict"]["recommended"])
    theirs = [score - lead for score in best["scores"]]
    answer["data"]["references"] = [{"name": "logistic regression", "scores": theirs}]
    assert len(list(words.warnings(answer))) == warned
    text = " ".join(for_scale(answer))
    assert f"A logistic regression is {word} ({100 * np.mean(theirs):.1f} % on the same 12 seeds" in text
    assert text.endswith("you may not need this network.")
    answer["data"]["references"][0]["scores"] = theirs[:2]
    assert for_scale(answer)[-1].endswith("% on the same 2 seeds.")


def test_a_small_gain_over_the_commonest_class_is_sentence():
    answer = recorded_answer()
    best = candidate_named(answer["candidates"], answer["verdict"]["recommended"])
    answer["data"].update(majority_baseline=0.9, target="churn", references=[])
    score, gain = for_scale(answer)
    assert score.startswith("Predicting churn: ")
    assert "of the answers are right; always answering 'g' scores 90.0 %." in score
    assert "and on new rows perhaps none" in gain
    assert gain.endswith("; for rare classes, try metric='auc'.")
    answer["data"]["majority_baseline"], mean = 0.7, best["mean"]
    best["mean"] = 0.72
    assert "rare" not in for_scale(answer)[1]
    answer["data"]["majority_baseline"], best["mean"] = 0.5, mean
    assert len(for_scale(answer)) == 1


def test_the_mean_is_far_from_the_rows_that_a_split_by_time_judges(engine):
    times = np.arange(120.0)
    y = 0.5 * times + X[:, 0]
    toy = ss.Problem("mlp(4)", load((X, y), order=times), name="trend", epochs=1)
    train, valid = np.arange(90), np.arange(90, 120)
    r2 = r2_score(y[valid], np.full(30, y[train].mean()))
    facts = toy.facts()
    assert facts["data"]["majority_baseline"] == pytest.approx(r2)
    assert f"the mean of the training rows scores {rounded(r2, 3)}, and" in validation_note(
        facts["data"], facts["protocol"]
    )
    assert beats_constant(facts["data"], facts["protocol"], [r2 / 2])
    error = np.sqrt(((y[valid] - y[train].mean()) ** 2).mean())
    result = ss.compare(toy, ["constant(0.01)"], 2, quiet=True, store=":memory:", engine=engine)
    assert f"always predicting the mean has {rounded(error, 3)}." in " ".join(for_scale(result.answer))


def test_the_most_common_class_is_that_of_all_seeds_where_rows_are_drawn_at_random():
    y = (np.random.default_rng(3).random(60) < 0.5).astype(int)
    toy = ss.Problem("mlp(4)", (X[:60], y), split="random")
    shares = [y[toy.parts(seed).valid].mean() for seed in range(30)]
    data = toy.facts()["data"]
    assert data["shares_vary"]
    assert data["majority_baseline"] == pytest.approx(max(np.mean(shares), 1 - np.mean(shares)))
    thirds = np.arange(60) % 3 == 0  # of 15 validation rows, 5 on every seed
    assert not ss.Problem("mlp(4)", (X[:60], thirds), split="stratified").facts()["data"]["shares_vary"]


def in_folds(counts: dict[str, int], folds: int, **options) -> ss.Problem:
    y = [name for name, count in counts.items() for _ in range(count)]
    split = Split("kfold", folds=folds)
    return ss.Problem("mlp(4)", (X[: len(y)], np.array(y)), name="folded", split=split, **options)


@pytest.mark.parametrize(
    ("counts", "folds", "share"),
    [
        ({"no": 33, "yes": 27}, 10, 33 / 60),  # 4 of 6 rows in the first fold
        ({"a": 22, "b": 21, "c": 20}, 7, 22 / 63),  # 4 of 9
        ({"a": 21, "b": 22, "c": 20}, 9, 22 / 63),  # 2 of 7, and 3 of a
        ({"a": 20, "b": 20, "c": 22}, 4, (6 / 16 + 6 / 16 + 5 / 15 + 5 / 15) / 4),
    ],
)
def test_the_most_common_class_of_a_cross_validation_is_that_of_all_its_rows(counts, folds, share):
    """Stratified folds differ by one row of a class, and their first one says little about the others."""
    common = max(counts, key=counts.__getitem__)
    for seeds in ((), range(folds), range(3 * folds)):
        facts = in_folds(counts, folds).facts(seeds)
        assert facts["data"]["majority_baseline"] == pytest.approx(share)
        assert facts["data"]["majority_class"] == common
        sentence = f"always answering {common!r} scores {100 * share:.1f} % on average over seeds"
        assert sentence in validation_note(facts["data"], facts["protocol"])
        assert beats_constant(facts["data"], facts["protocol"], [share + 0.001])
        assert not beats_constant(facts["data"], facts["protocol"], [share - 0.001])


def test_a_constant_answer_is_scored_on_the_seeds_of_the_study():
    """Of 15 validation rows from 60 in two equal classes, 8 are of one class or of the other, by the seed."""
    y = np.arange(60) % 2
    toy = ss.Problem("mlp(4)", (X[:60], y), name="even")
    of_second = [int(y[toy.parts(seed).valid].sum()) for seed in range(40)]
    assert set(of_second) == {7, 8}
    for seeds in (range(3), range(5, 9), range(40)):
        study = make_study(toy, ["constant(0.1)"], seeds)
        second = sum(of_second[seed] for seed in seeds) / (15 * len(seeds))
        data = study.facts["data"]
        assert data["majority_baseline"] == pytest.approx(max(second, 1 - second))
        assert data.get("majority_class", "1") == "01"[second > 0.5] or second == 0.5


@pytest.mark.parametrize("metric", ["binary_crossentropy", "f1_score", "mse"])
def test_another_metric_of_a_constant_answer_is_that_of_whole_repeats(metric):
    rng = np.random.default_rng(5)
    y = rng.normal(size=60) if metric == "mse" else (np.arange(60) < 37).astype(int)
    split = Split("kfold", folds=4)
    toy = ss.Problem("mlp(4)", (X[:60], y), name="folded", metric=metric, split=split)
    scores = []
    for seed in range(8):
        train, valid = toy.parts(seed)
        mean, true = y[train].mean(), y[valid]
        if metric == "mse":
            scores.append(((true - mean) ** 2).mean())
        elif metric == "f1_score":  # more than half are of the second class, so all are taken for it
            scores.append(2 * true.sum() / (true.sum() + 15))
        else:
            scores.append(-(true * np.log(mean) + (1 - true) * np.log(1 - mean)).mean())
    for seeds, repeats in (((), 1), (range(4), 1), (range(8), 2), (range(7, -1, -1), 2)):
        data = toy.facts(seeds)["data"]
        assert data["majority_baseline"] == pytest.approx(np.mean(scores[: 4 * repeats]))


def test_a_constant_answer_sees_the_training_rows_that_every_seed_draws():
    y = (np.arange(60) % 3 == 0).astype(int)
    split = Split("lesson", train_rows=0.2)
    toy = ss.Problem("mlp(4)", (X[:60], y), name="fewer", metric="mse", split=split)
    scores = [((y[45:] - y[toy.parts(seed).train].mean()) ** 2).mean() for seed in range(3)]
    assert np.ptp(scores) > 0
    assert toy.facts(range(3))["data"]["majority_baseline"] == pytest.approx(np.mean(scores))


@pytest.mark.parametrize("metric", ["f1_score", "fbeta_score", "accuracy"])
def test_several_labels_are_scored_one_by_one(metric):
    rng = np.random.default_rng(0)
    y, p = (rng.random((50, 3)) < 0.6).astype(float), np.repeat(rng.random((1, 3)), 50, axis=0)
    known = {"accuracy": keras.metrics.BinaryAccuracy()}
    shared = {"average": "macro", "threshold": 0.5}
    known |= {"f1_score": keras.metrics.F1Score(**shared), "fbeta_score": keras.metrics.FBetaScore(**shared)}
    known[metric].update_state(y, p)
    score = score_by(metric, "multilabel")
    assert score is not None
    assert score(y, p) == pytest.approx(float(known[metric].result()), abs=1e-6)


@pytest.mark.parametrize("options", [{}, {"split": Split("kfold", folds=4)}])
def test_the_constant_answer_to_several_labels_is_that_of_all_seeds(options):
    y = (np.random.default_rng(3).random((60, 3)) < 0.5).astype(int)
    toy = ss.Problem("mlp(4)", (X[:60], y), **options)
    shares = np.mean([y[toy.parts(seed).valid].mean(axis=0) for seed in range(4 if options else 30)], axis=0)
    data = toy.facts()["data"]
    assert data["majority_baseline"] == pytest.approx(np.maximum(shares, 1 - shares).mean())
    assert "majority_class" not in data


@pytest.mark.parametrize("options", [{}, {"split": Split("kfold", folds=4)}])
def test_the_most_common_class_is_that_of_all_seeds_where_parts_are_whole_groups(options):
    groups = np.repeat(np.arange(8), 15)
    y = (np.arange(120) % (groups + 1) == 0).astype(int)
    toy = ss.Problem("mlp(4)", load((X, y), groups=groups), name="grouped", **options)
    seeds = 4 if options else 30
    shares = [y[toy.parts(seed).valid].mean() for seed in range(seeds)]
    facts = toy.facts()
    data = facts["data"]
    assert data["parts"]["validation"]["shares"]["1"] != pytest.approx(np.mean(shares))
    common = "1" if np.mean(shares) > 0.5 else "0"
    assert data["majority_class"] == common
    assert data["majority_baseline"] == pytest.approx(max(np.mean(shares), 1 - np.mean(shares)))
    note = validation_note(data, facts["protocol"])
    share = f"{100 * data['majority_baseline']:.1f} %"
    assert f"with the first seed: always answering '{common}' scores {share} on average over seeds" in note
