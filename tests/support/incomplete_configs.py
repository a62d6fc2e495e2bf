"""Classes as a user's own module holds them, whose configs leave something out."""

import keras
from keras import ops

FACTOR = 1.0
register = keras.saving.register_keras_serializable("incomplete")


@register
class ScaledLoss(keras.losses.Loss):
    """A loss with an argument that its config lacks."""

    def __init__(self, factor=1.0, name="scaled_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(self, y, predicted):  # pyright: ignore
        return self.factor * ops.mean(ops.square(y - predicted), axis=-1)


@register
class CallableLoss:
    """A loss that is neither a function nor a class of Keras."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, y, predicted):
        return self.factor * ops.mean(ops.square(y - predicted), axis=-1)

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@register
def global_loss(y, predicted):
    """A loss that reads a variable of its module."""
    return FACTOR * ops.mean(ops.square(y - predicted), axis=-1)


@register
class Bound(keras.constraints.Constraint):
    """A constraint with an argument that its config lacks."""

    def __init__(self, bound=9.0):
        self.bound = bound

    def __call__(self, w):  # pyright: ignore
        return ops.clip(w, -self.bound, self.bound)


@register
class Filled(keras.initializers.Initializer):
    """An initialiser with an argument that its config lacks."""

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):  # pyright: ignore
        return ops.full(shape, self.value, dtype=dtype)


@register
class Penalty(keras.regularizers.Regularizer):
    """A regulariser with an argument that its config lacks."""

    def __init__(self, factor=0.0):
        self.factor = factor

    def __call__(self, x):  # pyright: ignore
        return self.factor * ops.sum(ops.square(x))

    def get_config(self):
        return {}


@register
class Scale(keras.layers.Layer):
    """A layer with a number and a function that may be set later."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = 1.0
        self.function = raised(1)

    def call(self, x):
        return self.factor * self.function(x)


@register
class Tempered(keras.Sequential):
    """A model with a loss of its own, and a number in it that may be set later."""

    temperature = 1.0

    def compute_loss(self, *args, **kwargs):  # pyright: ignore
        loss: float = super().compute_loss(*args, **kwargs)
        return self.temperature * loss


@register
class Noisy(keras.layers.Layer):
    """A layer that draws whenever it is called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator()

    def call(self, x):
        return x + keras.random.normal(ops.shape(x), seed=self.generator)


@register
class ScaledError(keras.metrics.Mean):
    """A metric with an argument that its config lacks."""

    def __init__(self, factor=1.0, name="scaled_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def update_state(self, y, predicted, sample_weight=None):  # pyright: ignore
        super().update_state(self.factor * ops.abs(y - predicted))


def raised(power):
    """A function that holds a number."""
    return lambda x: x**power
