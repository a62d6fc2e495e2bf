"""What each run can set besides the rate: numbers of the optimizer, and the rate of single layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import keras

from stepsize.engine.task import Task
from stepsize.engine.trainer import NotShared
from stepsize.errors import ProblemError, StudyError, first_line, unknown
from stepsize.problems.models.keras_models import Built, DataShape, build

NOT_PROPORTIONAL = ("Adafactor", "Ftrl")  # optimizers whose steps are not proportional to the rate
SOME_MOMENTUM = 0.5


def build_task(task: Task) -> Built:
    """Build the model of a task, with layers named as in a fresh process.

    An optimizer built with momentum 0 keeps no state for it, so if the runs set the momentum, it is built
    with another value. A run with momentum 0 then makes the same updates as without the state.

    Raises: NotShared if runs set numbers of an optimizer that is not Keras' own.
    """
    shape = DataShape(task.x, task.kind, task.classes, task.outputs, task.one_hot)
    settings = dict(task.settings)
    names = set(task.variants[0]) if task.variants else set()
    if "momentum" in names:
        settings["momentum"] = settings["momentum"] or SOME_MOMENTUM
    keras.utils.clear_session(free_memory=False)
    built = build(task.model, settings, shape, task.metric)
    if names:
        _check_variants(built.model.optimizer, task.variants)
    if task.scheduled_momentum:
        name = momentum_name(built.model.optimizer)
        if getattr(built.model.optimizer, name) == 0:
            keras.utils.clear_session(free_memory=False)
            return build(task.model, {**settings, name: SOME_MOMENTUM}, shape, task.metric)
    return built


def _check_variants(optimizer: Any, variants: Sequence[Mapping[str, float]]) -> None:
    """Raise ProblemError for numbers that the optimizer does not accept.

    Raises: NotShared for an optimizer that is not Keras' own.
    """
    kind = type(optimizer)
    if kind.__module__.split(".")[0] != "keras":
        raise NotShared(f"optimizer {kind.__name__!r} may use its numbers while it is built")
    for variant in variants:
        try:
            kind.from_config({**optimizer.get_config(), **variant})
        except (TypeError, ValueError) as error:
            raise ProblemError(
                f"optimizer {kind.__name__!r} does not accept {dict(variant)}: {first_line(error)}"
            ) from None


class Setting:
    """A traced number of an optimizer, which Keras can use like a Python number.

    Comparisons decide what is computed, so they happen once, when the program is compiled, and use the
    number that the optimizer was built with. Differences are rounded once, like differences of Python
    numbers that enter a program.
    """

    def __init__(self, value: jax.Array, built: float, rest: jax.Array | float = 0.0) -> None:
        self.value, self._built, self._rest = value, built, rest

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def __jax_array__(self) -> jax.Array:
        return self.value

    def parts(self) -> tuple[tuple[Any, Any], float]:
        """Return the traced parts, and the part that is known when the program is compiled."""
        return (self.value, self._rest), self._built

    def __bool__(self) -> bool:
        return bool(self._built)

    def __gt__(self, other: float) -> bool:
        return self._built > other

    def __eq__(self, other: object) -> bool:
        return self._built == other

    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> jax.Array:
        return -self.value

    def __add__(self, other: Any) -> jax.Array:
        return self.value + other

    __radd__ = __add__

    def __sub__(self, other: Any) -> jax.Array:
        return (self.value - other) + self._rest

    def __rsub__(self, other: Any) -> jax.Array:
        return (other - self.value) - self._rest

    def __mul__(self, other: Any) -> jax.Array:
        return self.value * other

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> jax.Array:
        return self.value / other

    def __rtruediv__(self, other: Any) -> jax.Array:
        return other / self.value


jax.tree_util.register_pytree_node(  # for functions of JAX that are compiled for themselves
    Setting, Setting.parts, lambda built, parts: Setting(parts[0], built, parts[1])
)


def momentum_name(optimizer: Any) -> str:
    """Return the attribute with an optimizer's momentum: `momentum`, or `beta_1` in the Adam family."""
    for name in ("beta_1", "momentum"):
        if hasattr(optimizer, name):
            return name
    raise StudyError(
        f"optimizer {type(optimizer).__name__!r} has no momentum that a schedule could set; leave momentum "
        "out, or use another optimizer"
    )


@contextmanager
def driven_settings(optimizer: Any, settings: Mapping[str, Setting]) -> Iterator[None]:
    """Make the optimizer use the settings, by the names of its attributes, inside the block."""
    before = {name: getattr(optimizer, name) for name in settings}
    for name, setting in settings.items():
        setattr(optimizer, name, setting)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(optimizer, name, value)


def scaled_layers(model: Any, names: Sequence[str]) -> list[str | None]:
    """Return, for each trainable variable, the name in `names` by which its rate is multiplied, or None.

    A name applies to every layer whose name begins with it; the longest such name wins. A layer is known by
    its name, `dense_1`, which its variables carry in their path, `block/dense_1/kernel`.

    Raises: StudyError for a name that applies to no layer, and for optimizers whose steps are not
    proportional to the rate.
    """
    if names and model.optimizer.use_ema:
        raise StudyError(
            "multipliers cannot be used with use_ema, because Keras averages the weights before the "
            "multipliers apply; leave one of them out"
        )
    optimizer = type(model.optimizer).__name__
    if names and optimizer in NOT_PROPORTIONAL:
        raise StudyError(
            f"multipliers cannot be used with {optimizer}, because its steps are not proportional to the "
            "rate; use another optimizer, or leave the multipliers out"
        )
    layers = [variable.path.split("/")[:-1] for variable in model.trainable_variables]
    for name in names:
        if not any(part.startswith(name) for path in layers for part in path):
            known = sorted({part for path in layers for part in path})
            raise StudyError(unknown("layer in multipliers", name, known))

    def longest(path: Sequence[str]) -> str | None:
        matches = [name for name in names if any(part.startswith(name) for part in path)]
        return max(matches, key=len, default=None)

    return [longest(path) for path in layers]


def scaled_update(
    model: Any,
    slots: Sequence[jax.Array],
    gradients: Sequence[jax.Array],
    weights: Sequence[jax.Array],
    factors: Sequence[jax.Array | None],
) -> tuple[list[jax.Array], list[jax.Array]]:
    """Make one update of the model's optimizer; return the new weights and slots.

    Each step that has a factor is scaled by it, which is exact for updates that are proportional to the
    rate. A weight constraint is applied to the scaled step, as Keras applies it after an update of another
    rate.
    """
    variables = model.trainable_variables
    scaled = [(i, factor) for i, factor in enumerate(factors) if factor is not None]
    constraints = [variables[i].constraint for i, _ in scaled]
    for i, _ in scaled:
        variables[i].constraint = None
    try:
        new, slots = model.optimizer.stateless_apply(slots, gradients, weights)
    finally:
        for (i, _), constraint in zip(scaled, constraints, strict=True):
            variables[i].constraint = constraint
    for (i, number), constraint in zip(scaled, constraints, strict=True):
        factor = number.astype(new[i].dtype)
        step = jnp.where(factor == 1, new[i], weights[i] + factor * (new[i] - weights[i]))
        new[i] = step if constraint is None else constraint(step)
    return new, list(slots)
