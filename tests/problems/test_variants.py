"""Variants of a problem: what they change, what they share, and what cannot be one."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import stepsize as ss
from stepsize.errors import InputError, StudyError
from stepsize.problems.variants import variant_facts, variant_of
from stepsize.study.study import make_study
from stepsize.study.study_files.description import resolve_study
from stepsize.study.study_files.options import call_text


def network(width: int, activation: str = "relu") -> keras.Model:
    """Return a compiled model for iris."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(width, activation),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="module")
def iris() -> ss.Problem:
    return ss.problem("iris", epochs=2)


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"model": "logistic"}, {"model": "logistic"}),
        ({"model": "mlp(8)", "depth": 2}, {"model": "mlp(8, 8)"}),
        ({"initializer": "he_normal"}, {"model": 'mlp(16, initializer="he_normal")'}),
        ({"epochs": 7, "prepare": False}, {"epochs": 7, "prepare": False}),
    ],
)
def test_a_variant_is_the_problem_with_these_arguments(iris, settings, changes):
    variant = variant_of(iris, {**settings, "momentum": 0.5})
    assert variant.digest == ss.problem("iris", **{"epochs": 2, **changes}).digest
    assert variant_of(iris, settings) is variant  # made once
    assert np.array_equal(variant.parts(3).train, iris.parts(3).train)
    assert variant_of(iris, {"momentum": 0.5, "batch_size": 8}) is iris


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs=0 must be a positive whole number"),
        ({"width": "w"}, "width='w' must be a positive whole number"),
        ({"model": "logistic", "width": 8}, "width=8 needs a model with hidden layers, .* not 'logistic'"),
        ({"model": "logistic", "activation": "tanh"}, "unknown option of logistic 'activation'"),
        ({"model": "mpl(8)"}, "unknown model 'mpl'; did you mean 'mlp'"),
        ({"model": 3}, "model must be text .* got int"),
        ({"loss": "CrossEntropyLoss"}, "loss='CrossEntropyLoss' is for PyTorch models"),
        ({"prepare": 1}, "prepare=1 must be True or False"),
    ],
)
def test_what_cannot_be_a_variant_is_refused_at_once(iris, settings, message):
    with pytest.raises(InputError, match=message) as caught:
        make_study(iris, [ss.Candidate("constant(0.1)", **settings)], 3)
    assert "\n" not in str(caught.value)


def test_a_compiled_model_keeps_its_optimizer_beside_a_text_model(iris):
    candidate = ss.Candidate("constant(0.1)", model=network(8))
    variant = iris.variant(candidate.settings)
    assert variant.optimizer_name == "adam"
    assert variant.data.prepare  # as for the others
    facts = variant_facts(iris, candidate.settings)
    assert facts["optimizer"] == {"name": "as compiled"}
    assert facts["model"] == candidate.settings["model"]
    asked = ss.problem("iris", settings={"optimizer": "rmsprop"})
    assert asked.variant(candidate.settings).optimizer_name == "rmsprop"
    compiled = ss.Problem(model=network(8), data="iris")
    assert compiled.variant({"model": "logistic"}).settings == {"optimizer": "sgd", "momentum": 0.9}
    assert not compiled.variant({"model": "logistic"}).data.prepare
    with pytest.raises(StudyError, match="width=8 needs a text model"):
        compiled.variant({"width": 8})


def test_a_model_of_the_users_own_counts_in_the_fingerprint(iris):
    first, same, other = (
        make_study(iris, [ss.Candidate("constant(0.1)", model=model)], 3)
        for model in (network(8), lambda: network(8), network(8, "tanh"))
    )
    assert first.candidates[0].key(None) == same.candidates[0].key(None)
    assert first.fingerprint == same.fingerprint != make_study(iris, ["constant(0.1)"], 3).fingerprint
    assert other.candidates[0].key(None) != first.candidates[0].key(None)


def test_a_file_is_known_by_what_it_holds(iris, tmp_path):
    path = tmp_path / "net.keras"
    network(8).save(path)
    candidate = ss.Candidate("constant(0.1)", model=str(path))
    study = make_study(iris, [candidate], 3)
    assert str(tmp_path) not in candidate.key(None)
    assert study.own_facts(candidate)["model"].startswith("net-")
    assert study.fingerprint != make_study(iris, ["constant(0.1)"], 3).fingerprint
    assert str(path) in call_text("iris", {"candidates": [candidate]})
    table = resolve_study({"problem": "iris"}, iris, study)["candidates"][0]
    assert table["model"] == str(path)
    with pytest.raises(InputError, match="does not exist"):
        make_study(iris, [ss.Candidate("constant(0.1)", model="absent.keras")], 3)


def test_pixels_and_whole_numbers_are_read_in_one_way():
    images = np.random.default_rng(0).integers(0, 255, (12, 4, 4)).astype(np.uint8)
    pixels = ss.Problem("mlp(4)", (images, [0, 1] * 6))
    with pytest.raises(StudyError, match=r"prepare=False cannot differ .* a study of pixels"):
        pixels.variant({"prepare": False})
    words = ss.Problem("cases:embedded", (np.arange(24).reshape(12, 2), [0, 1] * 6))
    with pytest.raises(StudyError, match="model='mlp\\(4\\)' has no embeddings"):
        words.variant({"model": "mlp(4)"})


def test_models_of_pytorch():
    torch = pytest.importorskip("torch")
    arguments = {"data": "iris", "loss": torch.nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD}
    small = ss.Problem(model=torch.nn.Linear(4, 3), **arguments)
    large = ss.Problem(model=torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 3)), **arguments)
    candidate = ss.Candidate("constant(0.1)", model=large.model)
    study = make_study(small, ["constant(0.1)", candidate], 3)
    variant = small.variant(candidate.settings)
    assert variant.digest == large.digest
    assert study.own_facts(candidate)["model"] == f"{candidate.settings['model']} (PyTorch)"
    for model in ("logistic", network(4)):
        with pytest.raises(StudyError, match="is not a PyTorch model, and the model of the problem is one"):
            make_study(small, [ss.Candidate("constant(0.1)", model=model)], 3)
    with pytest.raises(StudyError, match="is a PyTorch model, and the model of the problem is not"):
        make_study(ss.problem("iris"), [candidate], 3)


def test_two_models_with_one_name_are_refused():
    torch = pytest.importorskip("torch")
    first, second = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    arguments = {"data": "iris", "loss": torch.nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD}
    problem = ss.Problem(model=first, from_weights=True, **arguments)
    candidates = [ss.Candidate("constant(0.1)", model=first), ss.Candidate("linear(0.1)", model=second)]
    with pytest.raises(StudyError, match="is the name of two models that differ in their weights"):
        make_study(problem, candidates, 3)
