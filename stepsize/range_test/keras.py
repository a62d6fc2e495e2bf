"""A step of a compiled Keras model for the range test, on any of its backends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from stepsize.checks import shown
from stepsize.errors import StudyError
from stepsize.range_test.batch_stream import check_readable_again, endless
from stepsize.range_test.random_states import random_states, seed_random_states, set_random_states
from stepsize.range_test.refilling import refill_mapping, refill_sequence


class KerasStep:
    """One update of a compiled Keras model at a given rate; a range test leaves everything as it was.

    `x` and `y` are arrays (or lists or dicts of arrays, for several inputs or outputs), in batches of
    `batch_size`; or `x` gives batches `(x, y)`, as a `tf.data.Dataset`, a `PyDataset` or a loader does. The
    update is that of `train_on_batch`, with the model's own loss, and the loss is that of the batch, not the
    mean since the epoch began. With `gradient_accumulation_steps`, an update takes so many batches, and the
    loss is their mean.

    Weights, moving statistics, the optimizer, metrics, random states, and the attributes of layers of your
    own are restored.

    Raises: StudyError for a model that is not compiled, or whose optimizer has a schedule.

    >>> import stepsize as ss
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> ss.find(KerasStep(model, x, 2 * x + np.sin(99 * x)), updates=450).status
    'ok'
    """

    def __init__(self, model: keras.Model, x: Any, y: Any = None, *, batch_size: int = 32) -> None:
        if not getattr(model, "compiled", False):
            raise StudyError("the model is not compiled: call model.compile(optimizer, loss) first")
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        rate = inner._learning_rate
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            raise StudyError(
                f"the optimizer's learning rate is a {type(rate).__name__}; for the range test, compile the "
                "model with a number as its learning rate"
            )
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise StudyError(f"batch_size={shown(batch_size)} must be a positive whole number")
        if y is None:
            check_readable_again("x", x)
        self.model, self.x, self.y, self.batch_size = model, x, y, batch_size
        self._before: _Snapshot | None = None
        self._batches: Iterator[Any] = iter(())

    def reset(self, sweep: int) -> None:
        """Return to the initial weights, with the batches of `sweep`."""
        if self._before is None:
            self._build()
            self._before = _Snapshot(self.model)
        self._before.restore()
        seed_random_states(sweep)
        self._batches = self._stream(sweep)

    def __call__(self, rate: float) -> float:
        """Make an update at `rate`, and return the mean loss of its batches."""
        if self._before is None:
            self.reset(0)
        optimizer = self.model.optimizer
        optimizer.learning_rate = rate
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        batches = optimizer.gradient_accumulation_steps or inner.gradient_accumulation_steps or 1
        return float(np.mean([self._loss(*next(self._batches)) for _ in range(batches)]))

    def _loss(self, x: Any, y: Any, *weights: Any) -> float:
        """Train on a batch, and return its loss."""
        self.model.reset_metrics()  # the loss that Keras reports is a mean since the last reset
        logs = self.model.train_on_batch(x, y, *weights, return_dict=True)
        return float(logs["loss"])

    def restore(self) -> None:
        """Leave everything as it was before the first update."""
        if self._before is not None:
            self._before.restore()
        self._before, self._batches = None, iter(())

    def _stream(self, sweep: int) -> Iterator[Any]:
        if self.y is None:
            return endless(self.x, sweep)
        return self._shuffled(np.random.default_rng(sweep))

    def _shuffled(self, generator: np.random.Generator) -> Iterator[Any]:
        """Yield batches of all rows in random order, epoch by epoch; a shorter last batch is left out."""
        rows = len(keras.tree.flatten(self.x)[0])
        size = min(self.batch_size, rows)
        while True:
            order = generator.permutation(rows)
            for begin in range(0, rows - size + 1, size):
                some = order[begin : begin + size]
                yield self._rows(self.x, some), self._rows(self.y, some)

    @staticmethod
    def _rows(data: Any, rows: np.ndarray) -> Any:
        return keras.tree.map_structure(lambda array: np.asarray(array)[rows], data)

    def _build(self) -> None:
        """Create the weights and the optimizer's variables, so that the snapshot includes them."""
        if not self.model.built:
            self.model(next(self._stream(0))[0])
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)


class _Snapshot:
    """All variables that an update changes, what layers of the user's own keep, and the random states.

    The first `fit` of a model builds its metrics with a batch, and draws an order of the rows for it. So
    whatever was not built is marked as not built again, and the next `fit` draws the same orders as without
    a test.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        compiled = [model._compile_loss, model._compile_metrics]
        self._built = [(each, each.built) for each in compiled if each is not None]
        self._random = random_states()
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        unique = list({id(variable): variable for variable in variables}.values())
        self._attributes = list(_own_attributes(model))
        self._values = [(v, np.array(keras.ops.convert_to_numpy(v.value))) for v in unique]

    def restore(self) -> None:
        """Put everything back."""
        for attributes, before, held in self._attributes:
            attributes.update(before)
            for value, items in held:
                refill_mapping(value, items) if isinstance(value, dict) else refill_sequence(value, items)
        for variable, value in self._values:
            variable.assign(value)
        if not all(built for _, built in self._built):
            self._model.train_function = None  # on TensorFlow, it holds the variables of the metrics
        for each, built in self._built:
            each.built = built
        set_random_states(self._random)


def _own_attributes(model: keras.Model) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[Any]]]:
    """Yield the attributes of each layer of the user's own, those that are not Keras', and their contents."""
    bare = {*vars(keras.layers.Layer(name="bare")), *vars(keras.Model(name="bare"))}
    for layer in model._flatten_layers():
        if type(layer).__module__.split(".")[0] != "keras":
            own = {name: value for name, value in vars(layer).items() if name not in bare}
            held = [(each, each.copy()) for each in own.values() if isinstance(each, list | dict)]
            yield vars(layer), own, held
