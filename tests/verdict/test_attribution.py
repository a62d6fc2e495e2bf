"""What a difference is due to: said of shown differences alone, and of schedules and settings as given."""

import numpy as np

from stepsize.problems.problem import Problem, problem
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


def rms(name, **settings):
    return Candidate("constant(0.01)", name, optimizer="rmsprop", **settings)


def judged(candidates, leads, of_study=None):
    def score(name, seed):
        return 0.8 + leads.get(name, 0.0) + noise(seed) + noise(seed + 1000 * len(name), 0.001)

    trained = problem("ionosphere", **({} if of_study is None else {"settings": of_study}))
    study = make_study(trained, candidates, 20, baseline=candidates[0].name)
    return summarise_study(study, finish(study, score), COST)


def test_another_optimizer_has_nothing_of_the_settings_of_the_study():
    """RMSprop has no momentum by default, whatever SGD has in the study."""
    candidates = [rms("plain"), rms("none", momentum=0.0), rms("some", momentum=0.8)]
    answer = judged(candidates, {"some": 0.02}, {"optimizer": "sgd", "momentum": 0.8})
    assert answer["notes"][0].startswith(
        "Momentum made the difference: constant(0.01) with momentum=0.8 instead of momentum=0.0 changes"
    )
    assert "with momentum=0.0" not in answer["notes"][0]
    assert "With optimizer=rmsprop, momentum=0.8 of sgd is not used." in answer["notes"]


def test_the_optimizer_of_the_study_by_its_name_is_no_other_one():
    candidates = [Candidate("constant(0.1)", "plain"), Candidate("constant(0.1)", "named", optimizer="SGD")]
    assert not any("difference:" in note for note in judged(candidates, {"named": 0.02})["notes"])


def test_settings_that_train_alike_get_the_credit_however_they_are_given():
    candidates = [
        Candidate("cosine(0.1)", "plain", optimizer="rmsprop"),
        Candidate("cosine(0.1)", "more", optimizer="rmsprop", momentum=0.9),
        Candidate("constant(0.1)", "simpler", optimizer="RMSprop", momentum=0.9, centered=False),
    ]
    answer = judged(candidates, {"more": 0.02, "simpler": 0.02})
    assert answer["verdict"]["sentence"].endswith("because of its momentum, not its schedule.")


def test_of_three_optimizers_each_has_its_own_settings():
    candidates = [
        Candidate("constant(0.1)", "plain"),
        Candidate("constant(0.1)", "slow", momentum=0.5),
        Candidate("constant(0.1)", "rms", optimizer="rmsprop", momentum=0.5),
        Candidate("constant(0.1)", "adam", optimizer="adam"),
    ]
    note = judged(candidates, {})["notes"][0]
    assert note.startswith("Momentum and optimizer are not shown to make a difference: constant(0.1) with ")
    assert "with momentum=0.5 instead of momentum=0.8 changes" in note
    assert "with momentum=0.5, optimizer=rmsprop instead of momentum=0.8, optimizer=sgd changes" in note
    assert "with optimizer=adam instead of optimizer=sgd changes" in note


def test_a_momentum_of_adam_is_its_beta_1():
    candidates = [
        Candidate("constant(0.01)", "linear", momentum="linear(0.9, floor=0.5)"),
        Candidate("constant(0.01)", "plain"),
        Candidate("constant(0.01)", "slow", beta_1=0.8),
    ]
    note = judged(candidates, {}, {"optimizer": "adam"})["notes"][0]
    assert note.startswith("Momentum is not shown to make a difference: constant(0.01) with momentum=0.9 ")
    assert "with momentum=0.9 instead of momentum=linear(0.9, floor=0.5) changes" in note
    assert "with momentum=0.8 instead of momentum=linear(0.9, floor=0.5) changes" in note
    same = [Candidate("constant(0.01)", "plain"), Candidate("constant(0.01)", "m", momentum="constant(0.9)")]
    assert not any("difference:" in each for each in judged(same, {}, {"optimizer": "adam"})["notes"])


def test_three_settings_are_listed_as_in_english():
    candidates = [Candidate("constant(0.1)", "plain")]
    candidates += [Candidate("constant(0.1)", "all", momentum=0.5, clipnorm=1.0, batch_size=8)]
    answer = judged(candidates, {"all": 0.02})
    assert answer["notes"][0].startswith("Batch_size, clipnorm and momentum made the difference")


def compiled(optimizer=None, **settings):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    kind = keras.optimizers.SGD if optimizer is None else optimizer
    model.compile(kind(0.1, **settings), "sparse_categorical_crossentropy")
    return model


def test_a_compiled_optimizer_is_named_with_its_settings():
    import keras

    own = compiled(keras.optimizers.Adam, beta_1=0.5)
    candidates = [
        Candidate("constant(0.1)", "plain"),
        Candidate("constant(0.1)", "slow", momentum=0.5),
        Candidate("constant(0.1)", "named", optimizer="sgd"),
        Candidate("constant(0.1)", "wide", model=own),
    ]
    iris = Problem(compiled(momentum=0.9, weight_decay=0.3), "iris", epochs=2, name="iris")
    study = make_study(iris, candidates, 20, baseline="plain")
    note = summarise_study(study, finish(study, lambda name, seed: 0.8 + noise(seed)), COST)["notes"][0]
    assert note.startswith("Model, momentum, optimizer and weight_decay are not shown to make a difference:")
    assert "with momentum=0.5 instead of momentum=0.9 changes" in note
    assert "with weight_decay=default, momentum=0.0 instead of weight_decay=0.3, momentum=0.9" in note
    assert "optimizer=Adam instead of model=Keras model, optimizer=SGD changes" in note


def test_an_optimizer_that_only_a_factory_knows_is_put_in_words():
    iris = Problem("tests.support.user_models:good", "iris", epochs=2, name="iris")
    candidates = [Candidate("constant(0.1)", "plain"), Candidate("constant(0.1)", "named", optimizer="sgd")]
    study = make_study(iris, candidates, 20, baseline="plain")
    note = summarise_study(study, finish(study, lambda name, seed: 0.8 + noise(seed)), COST)["notes"][0]
    assert "with optimizer=sgd instead of the compiled optimizer changes" in note
