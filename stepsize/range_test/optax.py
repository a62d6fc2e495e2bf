"""A step of an optax optimizer for the range test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import optax

from stepsize.errors import StudyError
from stepsize.range_test.batch_stream import check_readable_again, endless


class OptaxStep:
    """One update with an optax optimizer at a given rate.

    `loss(params, *batch)` returns the loss, `optimizer(rate)` the optimizer (pass `optax.adam` itself, for
    example), and `batches` yields tuples of arrays. `params` are not changed. An optimizer that keeps its
    rate in its state, as one by `optax.inject_hyperparams` does, gets the rate there.

    >>> import jax.numpy as jnp, stepsize as ss
    >>> x = jnp.linspace(-1, 1, 64)
    >>> batches = [(x, 2 * x + 0.3), (x, 2 * x - 0.3)]
    >>> loss = lambda w, x, y: ((w[0] * x + w[1] - y) ** 2).mean()
    >>> ss.find(OptaxStep(loss, jnp.zeros(2), optax.sgd, batches), updates=450).status
    'ok'
    """

    def __init__(
        self,
        loss: Callable[..., jax.Array],
        params: Any,
        optimizer: Callable[[Any], optax.GradientTransformation],
        batches: Iterable[tuple[Any, ...]],
    ) -> None:
        if isinstance(optimizer, optax.GradientTransformation):
            raise StudyError(
                "optimizer must be a function of the rate, such as optax.adam, "
                "or lambda rate: optax.sgd(rate, 0.9)"
            )
        check_readable_again("batches", batches)
        _check_updates(optimizer(1.0).init(params))
        self._params, self._optimizer, self._source = params, optimizer, batches
        self._batches: Iterator[Any] = iter(())

        @jax.jit
        def update(
            params: Any, state: Any, rate: jax.Array, batch: tuple[Any, ...]
        ) -> tuple[Any, Any, jax.Array]:
            value, gradients = jax.value_and_grad(loss)(params, *batch)
            new = optimizer(rate)
            state = jax.tree.map(
                lambda is_rate, old, fresh: fresh if is_rate else old, self._is_rate, state, new.init(params)
            )
            updates, state = new.update(gradients, state, params)
            return optax.apply_updates(params, updates), state, value

        self._update = update
        self._is_rate = _that_follow_the_rate(optimizer, params)
        self._now: tuple[Any, Any] = (None, None)
        self._is_ready = False

    def reset(self, sweep: int) -> None:
        """Return to the initial parameters, with the batches of `sweep`."""
        self._now = self._params, self._optimizer(1.0).init(self._params)
        self._batches, self._is_ready = endless(self._source, sweep), True

    def __call__(self, rate: float) -> float:
        """Make an update at `rate`, and return the loss of its batch."""
        if not self._is_ready:
            self.reset(0)
        params, state = self._now
        params, state, loss = self._update(params, state, rate, tuple(next(self._batches)))
        self._now = params, state
        return float(loss)

    def restore(self) -> None:
        """Drop the parameters of the test; those of the user never changed."""
        self._now, self._batches, self._is_ready = (None, None), iter(()), False


def _check_updates(state: Any) -> None:
    """Raise StudyError for the state of an optimizer that does not make an update at every call."""
    parts = jax.tree.leaves(state, is_leaf=lambda part: isinstance(part, optax.MultiStepsState))
    if any(isinstance(part, optax.MultiStepsState) for part in parts):
        raise StudyError(
            "optimizer has optax.MultiSteps, which makes an update only at every few calls; leave it out, "
            "and let batches yield the rows of a whole update"
        )


def _that_follow_the_rate(optimizer: Callable[[Any], optax.GradientTransformation], params: Any) -> Any:
    """Return, for each array of an optimizer's state, whether it begins otherwise at another rate."""

    def follows(one: Any, other: Any) -> bool:
        return jax.numpy.issubdtype(jax.numpy.result_type(one), jax.numpy.floating) and bool(
            (one != other).any()
        )

    return jax.tree.map(follows, optimizer(1.0).init(params), optimizer(0.5).init(params))
