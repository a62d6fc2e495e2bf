"""Layers, losses and factories as a user's own module holds them, for the tests of models."""

import jax
import keras
import numpy as np


@keras.saving.register_keras_serializable("mine")
class Doubled(keras.layers.Layer):
    """A registered layer that any process can import."""

    def call(self, x):
        return 2 * x


class Plain(keras.layers.Layer):
    """A layer that nobody registered."""

    def call(self, x):
        return x + 1


class OnlyAlone(keras.layers.Layer):
    """Calls back into Python by an operation that has no rule for several members at once."""

    def call(self, x):
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        halved = jax.pure_callback(lambda value: np.asarray(value) / 2, shape, jax.lax.stop_gradient(x))
        return x + halved

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


class Untraceable(keras.layers.Layer):
    """Looks at numbers while it is compiled."""

    def call(self, x):
        return x * float(np.asarray(x).max())

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


class Unwritable(keras.layers.Layer):
    """A layer whose arguments no config holds."""

    def __init__(self, thing):
        super().__init__()
        self.thing = thing

    def call(self, x):
        return x


class OwnStep(keras.Model):
    """A model with a train_step of its own."""

    def train_step(self, *args):
        return {}


@keras.saving.register_keras_serializable("mine")
class Subclassed(keras.Model):
    """A subclassed model, unbuilt until it sees rows."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(4, "relu")
        self.out = keras.layers.Dense(units, "softmax")

    def call(self, x):
        return self.out(self.hidden(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def squared(y, predicted):
    """A loss of the user's own, which takes class numbers."""
    return keras.ops.mean((keras.ops.one_hot(y, predicted.shape[-1]) - predicted) ** 2, axis=-1)


@keras.saving.register_keras_serializable("mine")
def one_hot_mse(y, predicted):
    """A loss for one column per class; with class numbers it fails, or means something else."""
    return keras.ops.mean(keras.ops.square(y - predicted), axis=-1)


@keras.saving.register_keras_serializable("mine")
def one_number(y, predicted):
    """A metric that returns one number for a batch: the root mean squared error of its rows."""
    errors = keras.ops.reshape(y, keras.ops.shape(predicted)) - predicted
    return keras.ops.sqrt(keras.ops.mean(keras.ops.square(errors)))


@keras.saving.register_keras_serializable("mine")
def scaled_by_the_batch(y, predicted):
    """A metric with a number for each row, which depends on the other rows of the batch."""
    errors = keras.ops.reshape(y, keras.ops.shape(predicted)) - predicted
    squares = keras.ops.mean(keras.ops.square(errors), axis=-1)
    return squares * (1 + keras.ops.max(squares))


@keras.saving.register_keras_serializable("mine")
class Accuracy(keras.metrics.BinaryAccuracy):
    """An accuracy in percent, with the name of a metric of Keras."""

    def result(self):
        return 100 * super().result()


@keras.saving.register_keras_serializable("mine")
class Matthews(keras.metrics.Metric):
    """A metric of one's own: the correlation of two classes."""

    def __init__(self, name="matthews", **kwargs):
        super().__init__(name=name, **kwargs)
        self.counts = self.add_weight(shape=(2, 2), initializer="zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        ops = keras.ops
        y = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 2)
        answers = ops.one_hot(ops.cast(ops.reshape(y_pred, (-1,)) > 0.5, "int32"), 2)
        self.counts.assign_add(ops.matmul(ops.transpose(y), answers))

    def result(self):
        ops = keras.ops
        counts = ops.convert_to_tensor(self.counts)
        difference = counts[0, 0] * counts[1, 1] - counts[0, 1] * counts[1, 0]
        return difference / (ops.sqrt(ops.prod(ops.sum(counts, 0)) * ops.prod(ops.sum(counts, 1))) + 1e-7)


class Unregistered(keras.metrics.Mean):
    """A metric that nobody registered: the share of right answers, of class numbers."""

    def update_state(self, y_true, y_pred, sample_weight=None):  # pyright: ignore
        answers = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), "int32")
        super().update_state(keras.ops.equal(keras.ops.cast(y_true, "int32"), answers))


def compiled(*layers, loss="sparse_categorical_crossentropy", optimizer="adam", shape=(4,), outputs=3):
    """A compiled model with these hidden layers."""
    last = keras.layers.Dense(outputs, "softmax" if outputs > 1 else "sigmoid")
    model = keras.Sequential([keras.Input(shape), *layers, last])
    model.compile(optimizer, loss)
    return model


def good():
    """A factory as it should be."""
    return compiled(Doubled())


def lonely():
    """A factory of a model that cannot train side by side."""
    return compiled(keras.layers.Dense(3), OnlyAlone())


def untraceable():
    """A factory of a model that no compiler can take."""
    return compiled(Untraceable(), loss="binary_crossentropy", outputs=1)


def bare():
    """A factory that forgot to compile."""
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


def broken():
    """A factory that raises."""
    raise RuntimeError("no such thing")


@keras.saving.register_keras_serializable("mine")
class Drawn(keras.layers.Layer):
    """A layer that draws its weight itself, without an initialiser."""

    def build(self, shape):  # pyright: ignore
        self.w = keras.Variable(keras.random.normal((shape[-1], 2)), name="w")

    def call(self, x):
        return keras.ops.matmul(x, self.w)


@keras.saving.register_keras_serializable("mine")
class Counted(keras.layers.Layer):
    """A layer with a weight that is not trained, which its user may set."""

    def build(self, shape):  # pyright: ignore
        self.seen = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="seen")

    def call(self, x):
        return x - self.seen


@keras.saving.register_keras_serializable("mine")
class Bins(keras.layers.Layer):
    """A layer that learns bounds, not weights, as Keras' `Discretization` does."""

    def __init__(self, bounds=(), **kwargs):
        super().__init__(**kwargs)
        self.bounds, self.summary = list(bounds), []

    def adapt(self, x):
        self.summary = [float(x.min()), float(x.max())]
        self.finalize_state()

    def finalize_state(self):
        self.bounds = list(self.summary)

    def call(self, x):
        return keras.ops.clip(x, *self.bounds)

    def get_config(self):
        return {**super().get_config(), "bounds": list(self.bounds)}


def drawing():
    """A factory with random numbers of its own."""
    model = compiled(Drawn(), keras.layers.Dense(3, trainable=False), keras.layers.Dense(3))
    model.layers[2].set_weights([np.random.normal(size=(3, 3)), np.zeros(3)])
    return model


class Halved(keras.optimizers.SGD):
    """An optimizer that computes with half of its momentum."""

    def __init__(self, learning_rate=0.01, momentum=0.5, **kwargs):
        super().__init__(learning_rate, momentum / 2, **kwargs)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum * 2}


def own_optimizer():
    """A factory of a model with an optimizer of the user's own."""
    return compiled(optimizer=Halved(momentum=0.9))


def loads_its_weights():
    """Make a model whose weights are all loaded, here from another model."""
    model = good()
    model.set_weights([np.full_like(each, 0.1) for each in model.get_weights()])
    return model


def torch_model():
    """Return a PyTorch model, which needs a loss."""
    from torch import nn

    return nn.Linear(34, 2)
