"""A notebook cell that trains models of the user's own, whatever Keras runs on."""

import keras

import stepsize as ss
from stepsize.engine.client import Engine


def plain():
    dense = [keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")]
    return keras.Sequential([keras.Input((4,)), *dense])


def with_state():
    inputs = keras.Input((4,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, "relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.Dropout(0.1)(hidden)))


def scores(engine, model, optimizer, loss, schedules):
    model.compile(optimizer, loss)
    before = [weight.copy() for weight in model.get_weights()]
    problem = ss.Problem(model=model, data="iris", epochs=2)
    result = ss.compare(problem, schedules, seeds=2, store=":memory:", quiet=True, engine=engine)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    return [candidate["scores"] for candidate in result.answer["candidates"]]


def answers(engine):
    """Return the scores of two models, one with a loss object, one with a loss by name."""
    loss, sparse = keras.losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy"
    return [
        scores(engine, plain(), keras.optimizers.Adam(), loss, ["constant(0.01)", "cosine(0.01)"]),
        scores(engine, with_state(), keras.optimizers.SGD(momentum=0.9), sparse, ["constant(0.1)"]),
    ]


def answers_here():
    """Return the backend of this process, and the scores with a training process of its own."""
    with Engine() as engine:
        return keras.backend.backend(), answers(engine)
