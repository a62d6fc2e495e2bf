"""Handles: every one is a field of the spec, and moving it moves nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.errors import ScheduleError
from stepsize.live_page.handles import handles, move, snap
from stepsize.live_page.shapes import TEMPLATES, describe, drag, edit, read
from stepsize.schedules import parse
from stepsize.study.candidates import DEFAULT

SPECS = [
    *TEMPLATES.values(),
    *DEFAULT,
    "warmup(5*epochs, start=0.001) >> constant(lr, length=10*epochs) >> cosine(0.5*lr, floor=0.001)",
    "0.5 * (warmup(3*epochs) >> cosine(lr)) * plateau(factor=0.5, patience=5)",
    "clip(cosine(lr), floor=0.01)",
    "cosine(lr) + constant(0.01)",
    "piecewise_constant([0.1, 0.01], at=[10*epochs])",
    "repeat(cosine(lr, length=10*epochs), factor=0.5)",
    "noam(lr, d_model=64, warmup=40*updates)",
]


def planned(schedule):
    return schedule.plan(epochs=50, updates_per_epoch=9)


specs = st.sampled_from(SPECS)


@settings(max_examples=60)
@given(specs, st.floats(0.001, 5), st.data())
def test_a_handle_is_a_field_of_the_spec(spec, rate, data):
    schedule = read(spec, rate)
    every = handles(planned(schedule))
    assert all(move(schedule, handle.path, handle.value) == schedule for handle in every)
    assert all(handle.low <= handle.value <= handle.high for handle in every)
    handle = data.draw(st.sampled_from(every))
    value = data.draw(st.floats(handle.low, handle.high))
    try:
        moved = drag(planned(schedule), handle.path, value)
        after = {each.path: each for each in handles(planned(moved))}
    except ScheduleError:
        return  # two lengths may be too long together, which the page says
    assert parse(str(moved)) == moved
    assert after[handle.path].value == snap(handle, value)
    others = {each.path: each.value for each in every if each.path != handle.path}
    assert {path: after[path].value for path in others} == others


def test_handles_lie_on_the_curve():
    plan = planned(parse("warmup(5*epochs) >> wsd(0.1, decay=0.2*run, floor=0.01)"))
    length, start, peak, decay, floor = handles(plan)
    assert (length.axis, length.origin + length.slope * length.value) == ("time", 5)
    assert (start.axis, start.epoch, start.value) == ("rate", 0, 0)
    assert (peak.axis, peak.value) == ("rate", 0.1)
    assert 5 <= peak.epoch <= 40
    assert (decay.axis, decay.origin + decay.slope * decay.value) == ("time", 40)
    assert (floor.axis, floor.epoch, floor.value) == ("rate", 50, 0.01)


def test_a_scaled_schedule_has_handles_at_its_rates():
    (peak, _) = handles(planned(parse("0.5 * cosine(0.2)")))
    assert (peak.value, peak.slope * peak.value) == (0.2, 0.1)


def test_the_numbers_of_a_plateau_are_not_on_the_curve():
    every = handles(planned(parse("constant(0.1) * plateau(factor=0.5, patience=5, floor=0.1)")))
    assert [(each.name, each.axis) for each in every][:2] == [("value", "rate"), ("factor", None)]
    assert all(each.axis is None for each in every[1:])


def test_a_length_keeps_its_unit_and_its_step():
    plan = planned(parse("warmup(5*epochs) >> cosine(0.1)"))
    assert str(drag(plan, "pieces.0.length", 7.4)) == "warmup(7*epochs) >> cosine(0.1)"
    plan = planned(parse("warmup(0.1*run) >> cosine(0.1)"))
    assert str(drag(plan, "pieces.0.length", 0.123)) == "warmup(0.12*run) >> cosine(0.1)"


def test_an_unknown_handle_is_refused():
    with pytest.raises(ScheduleError, match="unknown handle 'peek'; did you mean 'peak'"):
        drag(planned(parse("cosine(0.1)")), "peek", 0.2)
    with pytest.raises(ScheduleError, match="has no field 'flor'"):
        move(parse("cosine(0.1)"), "flor", 0.2)


@pytest.mark.parametrize("family", TEMPLATES)
def test_a_piece_can_be_replaced_by_every_family(family):
    whole = edit(
        parse("warmup(5*epochs) >> cosine(0.1)"), {"action": "replace", "piece": 1, "family": family}, 0.3
    )
    assert str(whole).startswith(f"warmup(5*epochs) >> {family}(0.3")
    assert describe(planned(whole))["pieces"][1]["family"] == family


def test_pieces_are_added_and_removed():
    schedule = edit(parse("cosine(0.1) * plateau(factor=0.5)"), {"action": "warm"}, 0.1)
    assert str(schedule) == "(warmup(0.1*run) >> cosine(0.1)) * plateau(factor=0.5)"
    schedule = edit(parse("cosine(0.1)"), {"action": "append", "family": "constant"}, 0.01)
    assert str(schedule) == "cosine(0.1, length=0.3*run) >> constant(0.01)"
    assert str(edit(schedule, {"action": "remove", "piece": 0}, 0.1)) == "constant(0.01)"


@pytest.mark.parametrize(
    "change", [{}, {"action": "remove"}, {"action": "replace", "piece": 4}, {"action": "append"}]
)
def test_an_edit_that_is_not_possible_is_refused(change):
    with pytest.raises(ScheduleError):
        edit(parse("cosine(0.1)"), change, 0.1)
