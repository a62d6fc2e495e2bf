"""A plan in optax: the rate of every update, and one compilation, whatever the parameters' type."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import stepsize as ss
from stepsize.adapters.optax import optax_schedule
from stepsize.errors import ScheduleError

PLAN = (ss.warmup(5 * ss.updates) >> ss.cosine(0.3, floor=0.01)).plan(updates=30)


def trained(optimizer, updates, dtype=jnp.float32):
    """Train one parameter on a gradient of 1; give its steps, the states after them, and the traces."""
    params, traces = jnp.zeros((), dtype), []
    state = optimizer.init(params)

    @jax.jit
    def update(params, state):
        traces.append(None)
        change, state = optimizer.update(jnp.ones((), dtype), state, params)
        return optax.apply_updates(params, change), state, change

    steps, states = [], []
    for _ in range(updates):
        params, state, change = update(params, state)
        steps.append(-float(change))
        states.append(state)
    assert params.dtype == dtype
    return steps, states, len(traces)


def assert_followed(rates, plan):
    """Fail unless the rates are the plan's, in float32, at every update."""
    expected = plan(np.arange(len(rates))).astype(np.float32)
    np.testing.assert_array_equal(np.float32(rates), expected)


def test_the_comparison_above_can_fail():
    with pytest.raises(AssertionError):
        assert_followed(np.nextafter(PLAN.values.astype(np.float32), np.float32(1)), PLAN)


@pytest.mark.parametrize("after", ["hold", "repeat"])
def test_every_update_gets_its_rate_in_one_compilation(after):
    plan = ss.cosine(0.3, floor=0.01).plan(updates=30, after=after)
    steps, _, traces = trained(optax.sgd(optax_schedule(plan)), 65)
    assert_followed(steps, plan)
    assert traces == 1


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_injected_hyperparameters_keep_the_rate_in_float32(dtype):
    optimizer = optax.inject_hyperparams(optax.sgd)(optax_schedule(PLAN), momentum=0.5)
    _, states, traces = trained(optimizer, 40, dtype)
    rates = [state.hyperparams["learning_rate"] for state in states]
    assert {rate.dtype for rate in rates} == {jnp.dtype("float32")}
    assert_followed([float(rate) for rate in rates], PLAN)
    assert traces == 1


def test_optax_rounds_the_rate_to_the_type_of_the_parameter():
    steps, _, _ = trained(optax.sgd(optax_schedule(PLAN)), 30, jnp.bfloat16)
    assert steps == [float(jnp.bfloat16(np.float32(rate))) for rate in PLAN.values]


def test_accumulated_gradients_do_not_move_the_clock():
    optimizer = optax.MultiSteps(optax.sgd(optax_schedule(PLAN)), every_k_schedule=3)
    steps, states, traces = trained(optimizer, 93)
    assert_followed(steps[2::3], PLAN)
    assert set(steps[0::3] + steps[1::3]) == {0.0}
    assert [int(state.inner_opt_state[1].count) for state in states[2::3]] == list(range(1, 32))
    assert traces == 1


def test_updates_that_are_skipped_do_not_move_the_clock():
    optimizer = optax.apply_if_finite(optax.sgd(optax_schedule(PLAN)), max_consecutive_errors=3)
    state, steps = optimizer.init(jnp.zeros(())), []
    for gradient in (1.0, 1.0, jnp.inf, jnp.nan, 1.0, 1.0):
        change, state = optimizer.update(jnp.float32(gradient), state)
        steps.append(-float(change))
    assert_followed(steps[:2] + steps[4:], PLAN)
    assert steps[2:4] == [0.0, 0.0]


@pytest.mark.parametrize("kind", [int, np.int64, jnp.int32, jnp.uint8, jnp.int16])
def test_any_integer_counts(kind):
    rate = optax_schedule(PLAN)(kind(7))
    assert (rate.dtype, rate.shape) == (jnp.float32, ())
    assert_followed(optax_schedule(PLAN)(jnp.arange(40)), PLAN)
    assert float(rate) == np.float32(PLAN(7))


@pytest.mark.parametrize("after", ["hold", "repeat"])
@pytest.mark.parametrize("kind", [jnp.int8, jnp.uint8, jnp.int16])
def test_integers_of_few_bits_count_in_a_long_plan(kind, after):
    plan = ss.linear(1).plan(updates=70_000, after=after)
    assert float(optax_schedule(plan)(kind(120))) == np.float32(plan(120))


def test_it_counts_with_integers_beyond_what_float32_holds():
    rate = jax.jit(optax_schedule(ss.linear(1).plan(updates=4, after="repeat")))
    assert [float(rate(count)) for count in (2**24 + 1, 2**31 - 1)] == [0.75, 0.25]


def test_many_runs_at_different_updates_share_one_program():
    counts = jnp.array([[0, 5, 29], [30, 31, 1000]])
    found = jax.jit(jax.vmap(jax.vmap(optax_schedule(PLAN))))(counts)
    np.testing.assert_array_equal(found, PLAN(np.asarray(counts)).astype(np.float32))


def test_double_precision_leaves_the_rate_in_single():
    with jax.enable_x64(True):
        assert optax_schedule(PLAN)(jnp.int64(3)).dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_schedule(0.1), r"plan=0\.1 is not a plan"),
        (lambda: optax_schedule(ss.cosine(0.1)), r"plan=cosine\(0\.1\) is not a plan"),
        (lambda: optax_schedule(None), r"plan\(updates=450\)"),
        (lambda: optax_schedule(ss.cosine(0.1).plan(epochs=5)), "needs updates_per_epoch="),
        (lambda: optax_schedule(ss.cosine(0.1).plan()), "updates="),
        (lambda: optax_schedule(ss.linear(1).plan(updates=9, after="error")), 'after="hold"'),
        (lambda: optax_schedule(PLAN)(3.0), r"count=3\.0 is not an integer"),
        (lambda: jax.jit(optax_schedule(PLAN))(jnp.float32(3)), "is not an integer"),
        (
            lambda: optax_schedule(PLAN)(-1),
            r"count=-1 is negative; pass the number of completed updates, 0 at first",
        ),
    ],
)
def test_what_cannot_work_is_refused(make, message):
    with pytest.raises(ScheduleError, match=message):
        make()


def test_updates_past_the_end_are_reported_once_where_nothing_is_compiled():
    optimizer = optax.sgd(optax_schedule(ss.linear(0.1).plan(updates=3)))
    state, warned = optimizer.init(jnp.zeros(())), []
    for update in range(9):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _, state = optimizer.update(jnp.ones(()), state)
        warned += [update for each in caught if "past the end of linear(0.1)" in str(each.message)]
    assert warned == [4]
