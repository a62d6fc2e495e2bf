"""The planner: every run has its place, blocks are shared out evenly, and the choice follows sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.engine.planner import SIDE_BY_SIDE, Layout, Machine, plan_layout

SIZES = {
    "weights": st.integers(1, 10**7),
    "width": st.floats(1, 4096),
    "batch": st.integers(1, 4096),
    "epochs": st.integers(1, 300),
    "updates_per_epoch": st.integers(1, 10**5),
    "candidates": st.integers(1, 2000),
    "seeds": st.integers(1, 10**5),
    "machine": st.builds(
        Machine, st.integers(1, 64), st.sampled_from([1 << 17, 1 << 20]), st.sampled_from(["cpu", "gpu"])
    ),
    "series": st.sampled_from([None, "why"]),
}


@given(**SIZES)
def test_a_layout_covers_the_run_and_fits_the_machine(**sizes):
    layout = plan_layout(**sizes)
    assert sizes["epochs"] % layout.segment == 0
    assert 1 <= layout.devices <= sizes["machine"].devices
    assert layout.blocks % (layout.devices * layout.abreast) == 0
    assert 1 <= layout.members <= sizes["candidates"]
    if sizes["series"]:
        assert (layout.members, layout.abreast) == (1, 1)
    assert sorted(layout.order) == list(range(layout.blocks))


@given(st.integers(1, 8), st.integers(1, 12), st.data())
def test_few_blocks_are_shared_out_evenly(devices, per_device, data):
    layout = Layout(devices, devices * per_device, 1, 1, "as the test says")
    count = data.draw(st.integers(1, layout.blocks))
    active = (layout.order < count).reshape(devices, per_device).sum(axis=1)
    assert active.max() - active.min() <= 1


@given(**SIZES)
def test_a_choice_depends_on_sizes_alone(**sizes):
    assert plan_layout(**sizes) == plan_layout(**sizes)


@pytest.mark.parametrize(
    ("width", "batch", "members"),
    [(34, 28, 16), (64, 128, 16), (128, 8, 1), (128, 32, 1), (512, 32, 1), (2048, 8, 1)],
)
def test_narrow_networks_train_side_by_side_and_wide_ones_in_series(width, batch, members):
    machine = Machine(2)
    layout = plan_layout(34 * width, width, batch, 50, 9, candidates=16, seeds=30, machine=machine)
    assert layout.members == members


def test_blocks_are_equal_and_stay_in_the_cache():
    def members(candidates, cache=1 << 20):
        machine = Machine(2, cache)
        return plan_layout(1_225, 34, 28, 50, 9, candidates, seeds=30, machine=machine).members

    assert [members(n) for n in (1, 16, 32, 33, 100)] == [1, 16, SIDE_BY_SIDE, 17, 25]
    assert members(100, cache=1 << 17) == 8


def test_one_run_uses_one_device():
    assert plan_layout(1_225, 34, 28, 50, 9, candidates=1, seeds=1, machine=Machine(8)).devices == 1


def test_the_layout_reads_as_a_sentence():
    layout = plan_layout(1_225, 34, 28, 50, 9, candidates=1, seeds=960, machine=Machine(2))
    assert str(layout) == (
        "layers 34 wide, batches of 28: 1 side by side, 40 blocks a call, 4 of them at once, 2 cores"
    )
    assert np.array_equal(Layout(2, 4, 1, 1, "").order, [0, 2, 1, 3])
