"""The planner: every run has its place, blocks are shared out evenly, and the choice follows sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.engine.planner import SIDE_BY_SIDE, Layout, Machine, Sizes, plan_layout

SIZES = st.builds(
    Sizes,
    weights=st.integers(1, 10**7),
    width=st.floats(1, 4096),
    batch=st.integers(1, 4096),
    epochs=st.integers(1, 300),
    updates_per_epoch=st.integers(1, 10**5),
    candidates=st.integers(1, 2000),
    seeds=st.integers(1, 10**5),
)
CACHES = st.sampled_from([1 << 17, 1 << 20])
MACHINES = st.builds(Machine, st.integers(1, 64), CACHES, st.sampled_from(["cpu", "gpu"]))
REASONS = st.sampled_from([None, "why"])


@given(SIZES, MACHINES, REASONS)
def test_a_layout_covers_the_run_and_fits_the_machine(sizes, machine, series):
    layout = plan_layout(sizes, machine, series)
    assert sizes.epochs % layout.segment == 0
    assert 1 <= layout.devices <= machine.devices
    assert layout.blocks % (layout.devices * layout.abreast) == 0
    assert 1 <= layout.members <= sizes.candidates
    if series:
        assert (layout.members, layout.abreast) == (1, 1)
    assert sorted(layout.order) == list(range(layout.blocks))


@given(st.integers(1, 8), st.integers(1, 12), st.data())
def test_few_blocks_are_shared_out_evenly(devices, per_device, data):
    layout = Layout(devices, devices * per_device, 1, 1, "as the test says")
    count = data.draw(st.integers(1, layout.blocks))
    active = (layout.order < count).reshape(devices, per_device).sum(axis=1)
    assert active.max() - active.min() <= 1


@given(SIZES, MACHINES, REASONS)
def test_a_choice_depends_on_sizes_alone(sizes, machine, series):
    assert plan_layout(sizes, machine, series) == plan_layout(sizes, machine, series)


@pytest.mark.parametrize(
    ("width", "batch", "members"),
    [(34, 28, 16), (64, 128, 16), (128, 8, 1), (128, 32, 1), (512, 32, 1), (2048, 8, 1)],
)
def test_narrow_networks_train_side_by_side_and_wide_ones_in_series(width, batch, members):
    sizes = Sizes(34 * width, width, batch, 50, 9, candidates=16, seeds=30)
    assert plan_layout(sizes, Machine(2)).members == members


def small(candidates, seeds):
    """Return the sizes of a population of the Ionosphere network."""
    return Sizes(1_225, 34, 28, 50, 9, candidates, seeds)


def test_blocks_are_equal_and_stay_in_the_cache():
    def members(candidates, cache=1 << 20):
        return plan_layout(small(candidates, seeds=30), Machine(2, cache)).members

    assert [members(n) for n in (1, 16, 32, 33, 100)] == [1, 16, SIDE_BY_SIDE, 17, 25]
    assert members(100, cache=1 << 17) == 8


def test_one_run_uses_one_device():
    assert plan_layout(small(candidates=1, seeds=1), Machine(8)).devices == 1


def test_the_layout_reads_as_a_sentence():
    layout = plan_layout(small(candidates=1, seeds=960), Machine(2))
    assert str(layout) == (
        "layers 34 wide on average, batches of 28: 1 side by side, "
        "40 blocks a call, 4 of them at once, 2 cores"
    )
    assert np.array_equal(Layout(2, 4, 1, 1, "").order, [0, 2, 1, 3])
