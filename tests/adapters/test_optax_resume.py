"""An optax run stopped anywhere and gone on with from a file ends as if it had never stopped, bit for bit."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import stepsize as ss
from stepsize.adapters.optax import optax_schedule, scale_by_metric

UPDATES = 60
FACTOR = ss.plateau(factor=0.5, patience=1, threshold=0.05, metric="loss")
PLAN = ((ss.warmup(7 * ss.updates) >> ss.cosine(0.3, floor=0.01)) * FACTOR).plan(updates=UPDATES)
RNG = np.random.default_rng(5)
X = RNG.normal(size=(UPDATES * 3, 8, 4)).astype(np.float32)
Y = np.sin(X[..., :1])


def simple():
    """Momentum, every batch an update, and a metric every fifth update."""
    rated = optax.inject_hyperparams(optax.sgd)(optax_schedule(PLAN), momentum=0.9)
    return optax.chain(rated, scale_by_metric(PLAN.metric_factor)), 1


def accumulated():
    """The same with three batches an update."""
    return optax.MultiSteps(simple()[0], every_k_schedule=3), 3


class Run:
    """A training run of one layer, compiled once."""

    def __init__(self, make):
        self.optimizer, self.each = make()
        self.update = jax.jit(self.step)
        self.params = {"w": jnp.full((4, 1), 0.1), "b": jnp.zeros(1)}
        self.begin = (self.params, self.optimizer.init(self.params))

    def step(self, place, x, y, check):
        params, state = place

        def loss_of(params):
            return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)

        loss, gradients = jax.value_and_grad(loss_of)(params)
        change, state = self.optimizer.update(gradients, state, params, value=loss, observe=check)
        return optax.apply_updates(params, change), state

    def go(self, place, first, last):
        """Train from one batch to another and give every place on the way."""
        places = []
        for batch in range(first, last):
            place = self.update(place, X[batch], Y[batch], batch % (5 * self.each) == self.each - 1)
            places.append(place)
        return places


def through_a_file(place, path):
    """Save the leaves of a place, and load them into the structure of a new one."""
    leaves, structure = jax.tree.flatten(place)
    np.savez(path, *leaves)
    with np.load(path) as kept:
        return jax.tree.unflatten(structure, [jnp.asarray(kept[name]) for name in kept.files])


def assert_same_place(found, expected):
    """Fail unless two places are equal bit for bit: weights, momentum, counts, rates, metric."""
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("make", [simple, accumulated], ids=lambda make: make.__name__)
def test_a_run_stopped_anywhere_goes_on_as_if_it_had_not_been(make, tmp_path):
    run, batches = Run(make), UPDATES * make()[1]
    places = run.go(run.begin, 0, batches)
    assert float(optax.tree_utils.tree_get(places[-1][1], "scale")) < 1
    again = Run(make)  # compiled anew, as in another process
    for done in np.random.default_rng(2).choice(np.arange(1, batches), 50, replace=False).tolist():
        kept = through_a_file(places[done - 1], tmp_path / "kept.npz")
        assert_same_place(again.go(kept, done, batches)[-1], places[-1])
    assert again.update._cache_size() == 1


def test_the_comparison_above_can_fail():
    one, other = {"w": jnp.zeros(2)}, {"w": jnp.nextafter(jnp.zeros(2), 1.0)}
    with pytest.raises(AssertionError):
        assert_same_place(one, other)
