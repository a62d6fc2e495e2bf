"""Weights that no seed draws afresh: a member starts from those that the user's own `fit` starts from."""

import pickle

import keras
import numpy as np
import pytest
from keras import layers

from stepsize.engine.keras.member import KerasMember
from stepsize.engine.task import Task
from stepsize.errors import ProblemError
from stepsize.problems.models.kept_weights import pretrained_layers, restore
from stepsize.problems.models.model_transport import identity, travel_form
from tests.support import user_models
from tests.support.populations import fit, make_block, make_population

X = np.random.default_rng(0).normal(1000, 3, (40, 4)).astype(np.float32)
Y = np.arange(40) % 3
TABLE = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)


def task_of(model, x=X, **options):
    """Return the task of a model that has travelled, as the training process gets it."""
    form = pickle.loads(pickle.dumps(travel_form(model, 3, **options)))
    return Task(form, {}, x, Y, "multiclass", 3, 3, train_rows=30, batch_size=8, epochs=2)


def starts(member):
    """Return the initial values of two seeds, by the layer's and the weight's name."""
    model = member.model
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    names = ["/".join(variable.path.split("/")[-2:]) for variable in variables]
    values = [[np.asarray(value) for part in member.initial(seed) for value in part] for seed in (0, 1)]
    return [dict(zip(names, each, strict=True)) for each in values]


def kept(member):
    """Return the names of the weights that vary in the user's model and do not vary with the seed."""
    one, other = starts(member)
    return {name for name in one if np.array_equal(one[name], other[name]) and np.ptp(one[name]) > 0}


def adapted():
    layer = layers.Normalization(name="scaler")
    layer.adapt(X)
    return layer


@pytest.mark.parametrize("options", [{}, {"from_weights": True}])
@pytest.mark.parametrize("built", [True, False])
def test_what_adapt_learnt_is_kept(built, options):
    model = user_models.compiled(adapted(), shape=(4,))
    if not built and options:
        return
    if not built:  # the layer has its numbers before the model is built
        model = keras.Sequential([adapted(), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
    member = KerasMember(task_of(model, **options))
    layer = next(layer for layer in member.model.layers if layer.name == "scaler")
    np.testing.assert_allclose(np.asarray(layer.mean)[0], X.mean(axis=0), rtol=1e-5)
    assert kept(member) >= {"scaler/mean", "scaler/variance"}


def test_a_model_that_normalises_trains_as_its_own_fit_does():
    model = user_models.compiled(adapted(), layers.Dense(5, "relu"), shape=(4,))
    population = make_population(task_of(model), 1)
    (curves,) = population.train([make_block(population.task, 1, ["constant(0.01)"])])
    theirs = fit(model, population, 1, "constant(0.01)")
    np.testing.assert_allclose(curves.train_loss[0], theirs.train_loss, rtol=1e-5)
    np.testing.assert_allclose(curves.valid_loss[0], theirs.valid_loss, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"from_weights": True}])
def test_a_layer_that_learnt_something_else_than_weights_keeps_it(options):
    """`Discretization` needs TensorFlow to learn from data; this layer keeps its bounds in its config too."""
    bins = user_models.Bins(name="bins")
    bins.adapt(X)
    member = KerasMember(task_of(user_models.compiled(bins), **options))
    assert member.model.layers[0].bounds == bins.bounds != []


def test_frozen_layers_keep_their_weights_and_the_others_are_drawn():
    words = np.random.default_rng(0).integers(0, 12, (40, 5)).astype(np.int32)
    embedding = layers.Embedding(12, 2, weights=[TABLE], trainable=False, name="words")
    head = [layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax", name="head")]
    model = keras.Sequential([keras.Input((5,), dtype="int32"), embedding, *head])
    model.compile("sgd", "sparse_categorical_crossentropy")
    member = KerasMember(task_of(model, words))
    assert kept(member) == {"words/embeddings"}
    np.testing.assert_array_equal(starts(member)[0]["words/embeddings"], TABLE)


def test_a_frozen_base_and_a_fresh_head():
    base = keras.Sequential([keras.Input((4,)), layers.Dense(5, name="low"), layers.BatchNormalization()])
    base.layers[-1].set_weights([np.arange(5) + i for i in range(4)])
    base.trainable = False
    member = KerasMember(task_of(user_models.compiled(base, layers.Dense(6, name="top"))))
    names = {name.split("/")[-1] for name in kept(member)}
    assert names == {"kernel", "gamma", "beta", "moving_mean", "moving_variance"}
    assert "top/kernel" not in kept(member)
    assert "low/kernel" in kept(member)


def test_what_is_frozen_stays_frozen():
    """A config holds neither a weight frozen by itself, nor that a frozen part has layers that train."""
    layer = layers.Dense(5, name="half")
    model = user_models.compiled(layer)
    layer.kernel.trainable = False
    member = KerasMember(task_of(model))
    assert member.model.trainable_variables[0].path.endswith("half/bias")
    assert kept(member) == {"half/kernel"}


def test_layers_of_the_users_own():
    drawn, counted = user_models.Drawn(name="drawn"), user_models.Counted(name="counted")
    model = user_models.compiled(drawn, counted)
    counted.seen.assign([7.0, 8.0])
    member = KerasMember(task_of(model))
    assert kept(member) == {"drawn/w", "counted/seen"}  # the first has no initialiser
    np.testing.assert_array_equal(starts(member)[0]["drawn/w"], np.asarray(drawn.w))
    np.testing.assert_array_equal(starts(member)[0]["counted/seen"], [7, 8])


def test_a_factory_draws_the_same_in_every_process():
    models = [KerasMember(task_of(user_models.drawing)).model for _ in range(2)]
    for first, second in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(first, second)


def test_kept_weights_change_the_identity_and_drawn_ones_do_not():
    def digest(value, frozen):
        layer = layers.Dense(5, trainable=not frozen)
        model = user_models.compiled(layer)
        layer.set_weights([np.full((4, 5), value), np.zeros(5)])
        return identity(travel_form(model, 3))

    assert digest(1, frozen=True) == digest(1, frozen=True) != digest(2, frozen=True)
    assert digest(1, frozen=False) != digest(2, frozen=False)  # a pretrained layer and a fresh head


def test_a_trained_model_says_that_its_weights_are_not_used():
    layer = layers.Dense(5, name="body")
    model = user_models.compiled(layer)
    assert travel_form(model, 3)["notes"] == []
    layer.set_weights([np.ones((4, 5)), np.zeros(5)])
    model.layers[-1].set_weights([np.ones((5, 3)), np.zeros(3)])
    (note,) = travel_form(model, 3)["notes"]
    assert note.startswith("the weights of 'body', 'dense")
    assert "are not those that the initialiser draws" in note
    model.fit(X, Y, verbose=0)
    (note,) = travel_form(model, 3)["notes"]
    assert note.startswith("it has been trained, but every seed starts from fresh weights; from_weights=True")
    layer.trainable = False
    assert "the weights that it has in 'body'" in travel_form(model, 3)["notes"][1]


def test_pretrained_layers_that_train_keep_their_weights_before_a_fresh_head():
    words = np.random.default_rng(0).integers(0, 12, (40, 5)).astype(np.int32)
    norm, middle, head = (
        layers.BatchNormalization(name="norm"),
        layers.Dense(2, name="middle"),
        layers.Dense(3, "softmax", name="head"),
    )
    model = keras.Sequential([keras.Input((5,), dtype="int32"), layers.Embedding(12, 2, name="words")])
    for layer in (layers.GlobalAveragePooling1D(), norm, middle, head):
        model.add(layer)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert travel_form(model, 3)["notes"] == []
    model.layers[0].set_weights([TABLE])
    norm.set_weights([np.arange(2) + i for i in range(4)])
    middle.set_weights([np.ones((2, 2)), np.full(2, 5)])
    member = KerasMember(task_of(model, words))
    moving = {"norm/moving_mean", "norm/moving_variance", "norm/gamma", "norm/beta"}
    same = {
        name for name, value in starts(member)[0].items() if np.array_equal(value, starts(member)[1][name])
    }
    assert same - {"head/bias"} == {"words/embeddings", "middle/kernel", "middle/bias", *moving}
    np.testing.assert_array_equal(starts(member)[0]["words/embeddings"], TABLE)
    np.testing.assert_array_equal(starts(member)[0]["middle/bias"], [5, 5])
    assert len(member.model.trainable_variables) == len(model.trainable_variables)
    (note,) = travel_form(model, 3)["notes"]
    assert "the weights that it has in 'words', 'norm', 'middle', which are frozen, pretrained" in note
    head.set_weights([np.ones((2, 3)), np.zeros(3)])  # now the whole model was trained before
    assert "from_weights=True" in travel_form(model, 3)["notes"][0]


def test_no_layer_of_a_new_model_counts_as_pretrained():
    x = inputs = keras.Input((8, 8, 3))
    for layer in (
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3),
        layers.SeparableConv2D(4, 1),
        layers.Conv2DTranspose(3, 2),
        layers.Reshape((-1, 3)),
        layers.LayerNormalization(),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.GRU(3, return_sequences=True),
    ):
        x = layer(x)
    outputs = layers.Dense(3, kernel_initializer="random_normal")(layers.MultiHeadAttention(2, 3)(x, x))
    model = keras.Model(inputs, outputs)
    assert pretrained_layers(model) == []
    model.layers[1].set_weights([np.ones((3, 3, 3, 4)), np.ones(4)])
    assert [layer.name for layer in pretrained_layers(model)] == [model.layers[1].name]


def test_a_model_that_changes_when_it_is_rebuilt_is_refused():
    model = user_models.compiled(layers.Dense(5))
    with pytest.raises(ProblemError, match=r"a weight of shape \(9,\) is missing.*pass a factory"):
        restore(model, [[1, 0, np.zeros(9), False]])
    with pytest.raises(ProblemError, match="is missing"):
        restore(model, [[99, 0, np.zeros(9), False]])


def test_a_text_model_draws_weights_for_its_seeds_alone():
    member = KerasMember(task_of("mlp(5)"))
    assert all(not np.any(weight) for weight in member.model.get_weights())  # none while it is built
    one, other = starts(member)
    assert {name for name in one if np.ptp(one[name]) > 0} == {"dense/kernel", "output/kernel"}
    assert all(not np.array_equal(one[name], other[name]) for name in ("dense/kernel", "output/kernel"))
