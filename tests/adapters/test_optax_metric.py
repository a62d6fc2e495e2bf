"""A metric that drives updates in optax: the same multiplier as in a plain loop, in one compilation."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize.adapters import PlainSchedule
from stepsize.adapters.optax import optax_schedule, scale_by_metric
from stepsize.errors import ScheduleError

FACTORS = [
    ss.plateau(factor=0.5, patience=1, cooldown=1, floor=0.1, metric="loss"),
    ss.plateau(factor=0.25, patience=0, mode="max", relative=False, threshold=0.25, metric="score"),
    ss.on_threshold(factor=0.5, threshold=0.5, metric="loss"),
    ss.two_way(factor=0.5, growth=1.25, ceiling=2.0, metric="loss"),
]
# eighths, so that single and double precision compare them alike
metrics = st.none() | st.integers(-40, 40).map(lambda eighths: eighths / 8) | st.just(np.nan)


def made(factor, updates=40):
    plan = (ss.linear(0.5, floor=0.125) * factor).plan(updates=updates)
    return plan, optax.chain(optax.sgd(optax_schedule(plan)), scale_by_metric(plan.metric_factor))


def plain_rates(plan, values):
    """Give the rates of a plain loop that observes a value, where there is one, before the update."""
    plain, rates = PlainSchedule(plan), []
    for value in values:
        if value is not None:
            plain.observe(value)
        rates.append(plain.rate)
        plain.step()
    return rates


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_comparison_above_can_fail():
    with pytest.raises(AssertionError):
        assert_close([0.5], [0.500001])


COMPILED = {}


def compiled(factor):
    """Give the plan of a factor, and an update that is compiled once for all tests."""
    if factor not in COMPILED:
        plan, optimizer = made(factor)
        update = jax.jit(
            lambda state, value, there: optimizer.update(jnp.ones(()), state, value=value, observe=there)
        )
        COMPILED[factor] = plan, optimizer, update
    return COMPILED[factor]


@pytest.mark.parametrize("factor", FACTORS, ids=lambda factor: type(factor).__name__)
@given(values=st.lists(metrics, min_size=1, max_size=30))
def test_the_updates_are_those_of_a_plain_loop(factor, values):
    plan, optimizer, update = compiled(factor)
    state, steps = optimizer.init(jnp.ones(())), []
    for value in values:
        change, state = update(state, 0.0 if value is None else value, value is not None)
        steps.append(-float(change))
    assert_close(steps, plain_rates(plan, values))
    assert update._cache_size() == 1


def test_without_a_value_nothing_is_observed():
    values = [1.0, None, 2.0, 2.0, None, None, 2.0, 2.0, 0.5]
    plan, optimizer = made(FACTORS[0])
    state, steps = optimizer.init(jnp.ones(())), []
    for value in values:
        change, state = optimizer.update(jnp.ones(()), state, **({} if value is None else {"value": value}))
        steps.append(-float(change))
    assert_close(steps, plain_rates(plan, values))
    assert plain_rates(plan, values)[-1] == 0.5 * plan(8)


def test_the_state_can_be_handed_to_the_plain_form_and_back():
    factor = FACTORS[0]
    transformation = scale_by_metric(factor)
    state = transformation.init(jnp.ones(()))
    for value in (1.0, 2.0, 2.0):
        _, state = transformation.update(jnp.ones(()), state, value=value)
    again = factor.state_from_json(factor.state_to_json(state))
    assert again == factor.observe(factor.observe(factor.observe(factor.init(), 1.0), 2.0), 2.0)


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_the_state_is_single_precision_and_the_updates_keep_their_type(dtype, x64):
    with jax.enable_x64(x64):
        transformation = scale_by_metric(FACTORS[3])
        gradients = {"w": jnp.ones(3, dtype), "b": None}
        state = transformation.init(gradients)
        change, new = jax.jit(transformation.update)(gradients, state, value=jnp.asarray(1.0, dtype))
        assert change["w"].dtype == dtype
        assert jax.tree.map(lambda each: (each.dtype, each.shape), new) == jax.tree.map(
            lambda each: (jnp.dtype("float32"), ()), state
        )


def test_a_scan_over_updates_and_a_vmap_over_runs_work():
    plan, optimizer = made(FACTORS[0])
    values = np.float32([[1, 2, 2, 2, 2, 0.5], [1, 0.5, 0.25, 0.125, 2, 2]])

    def run(values):
        def update(state, value):
            change, state = optimizer.update(jnp.ones(()), state, value=value)
            return state, -change

        return jax.lax.scan(update, optimizer.init(jnp.ones(())), values)[1]

    found = jax.jit(jax.vmap(run))(values)
    assert_close(found, [plain_rates(plan, row.tolist()) for row in values])


def test_accumulated_gradients_observe_once_an_update():
    plan, optimizer = made(FACTORS[0])
    optimizer = optax.MultiSteps(optimizer, every_k_schedule=2)
    values, steps = [1.0, 2.0, 2.0, 2.0, 2.0], []
    state = optimizer.init(jnp.ones(()))
    for value in np.repeat(values, 2):
        change, state = optimizer.update(jnp.ones(()), state, jnp.ones(()), value=value)
        steps.append(-float(change))
    assert_close(steps[1::2], plain_rates(plan, values))


@pytest.mark.parametrize("factor", [None, 0.5, ss.cosine(0.1), ss.constant(0.1) * ss.plateau()])
def test_what_no_metric_drives_is_refused(factor):
    with pytest.raises(ScheduleError, match="does not follow a metric; write for example plateau"):
        scale_by_metric(factor)


@pytest.mark.parametrize("value", [jnp.ones(3), "0.5", True, [1, 2], {"loss": 1}, jnp.array([True])])
def test_a_metric_is_one_number(value):
    factor = ss.plateau(factor=0.5, patience=0, metric="loss")
    transformation = scale_by_metric(factor)
    with pytest.raises(ScheduleError, match=r"is not one number; pass the metric, for example update"):
        transformation.update(jnp.ones(3), transformation.init(None), value=value)


def test_a_factor_that_is_not_chained_is_reported_once():
    plan = (ss.constant(0.1) * ss.plateau(factor=0.123, patience=0, metric="loss")).plan(updates=9)
    optimizer = optax.sgd(optax_schedule(plan))
    state = optimizer.init(jnp.ones(2))
    with pytest.warns(UserWarning, match=r"counts as 1 .* scale_by_metric"):
        _, state = optimizer.update(jnp.ones(2), state)
    optimizer.update(jnp.ones(2), state)  # a second warning would be an error
    chained = optax.chain(optax.sgd(optax_schedule(plan)), scale_by_metric(plan.metric_factor))
    chained.update(jnp.ones(2), chained.init(jnp.ones(2)), value=0.5)  # as here


@pytest.mark.parametrize("compiled", [False, True])
def test_a_factor_in_front_of_its_optimizer_is_reported_once(compiled):
    plan = (ss.constant(0.1) * ss.plateau(factor=0.321, patience=0, metric="loss")).plan(updates=9)
    for is_wrong in (True, False):
        scaling, rated = scale_by_metric(plan.metric_factor), optax.adam(optax_schedule(plan))
        optimizer = optax.chain(scaling, rated) if is_wrong else optax.chain(rated, scaling)
        update = jax.jit(optimizer.update) if compiled else optimizer.update
        state = optimizer.init(jnp.ones(2))
        if is_wrong:
            with pytest.warns(UserWarning, match=r"plateau\(.*\) comes before the optimizer .* Adam, undoes"):
                _, state = update(jnp.ones(2), state, value=0.5)
        update(jnp.ones(2), state, value=0.5)  # another warning would be an error
