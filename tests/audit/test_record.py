"""The record: what it keeps, says and writes, when it raises, and what it refuses."""

import csv
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize.adapters import PlainSchedule
from stepsize.audit import Audit, Row
from stepsize.errors import AuditError, OutputError, ScheduleError, StateError

PLAN = ss.cosine(0.1).plan(epochs=4, updates_per_epoch=5)


def recorded(rates, plan=PLAN, **options):
    audit = Audit(plan, **options)
    for rate in rates:
        audit.record(rate)
    return audit


@given(st.floats(1e-30, 1e30), st.sampled_from([np.float32, np.float64]))
def test_rates_in_float32_are_the_planned_ones(peak, kind):
    plan = ss.cosine(peak).plan(updates=20)
    audit = recorded(plan.values.astype(kind), plan)
    assert audit.first_difference is None
    assert audit.differences == 0
    assert audit.cause is None


@given(st.integers(0, 19), st.floats(1e-5, 1))
def test_the_first_difference_is_the_first_row_that_differs(update, change):
    rates = PLAN.values.copy()
    rates[update:] *= 1 + change
    audit = recorded(rates)
    assert audit.first_difference == Row(update, PLAN(update), rates[update])
    assert audit.differences == 20 - update


def test_tolerance_is_a_share_of_the_rate():
    rates = PLAN.values * (1 + 1e-5)
    assert recorded(rates, tolerance=1e-4).first_difference is None
    assert recorded(rates).first_difference.update == 0


def test_rounding_near_zero_is_no_difference():
    plan = ss.cosine(1.0).plan(updates=4, after="hold")
    assert recorded([*plan.values, 1e-17], plan).first_difference is None


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -0.1])
def test_a_rate_that_makes_no_sense_is_a_difference(rate):
    audit = recorded([PLAN(0), rate])
    assert audit.first_difference.update == 1
    assert "<svg" in audit._repr_svg_()
    assert "Update 1 used the rate" in audit.summary()


def test_strict_raises_at_the_update_and_keeps_it():
    audit = recorded(PLAN.values[:7], strict=True)
    with pytest.raises(AuditError, match=r"Update 7 used the rate 0.05 instead of 0.0726995; 1 of 8"):
        audit.record(0.05)
    assert audit.first_difference == Row(7, PLAN(7), 0.05)
    assert audit.update == 8


def test_the_rows_say_what_was_planned_and_applied():
    audit = recorded([0.1, 0.2])
    assert audit.rows == [Row(0, 0.1, 0.1), Row(1, PLAN(1), 0.2)]
    np.testing.assert_array_equal(audit.planned, PLAN.values[:2])
    np.testing.assert_array_equal(audit.applied, [0.1, 0.2])


def test_the_csv_reads_back_exactly(tmp_path):
    audit = recorded(PLAN.values / 3)
    audit.to_csv(tmp_path / "audit.csv")
    with open(tmp_path / "audit.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["update", "planned", "applied"]
    assert [
        Row(int(update), float(planned), float(applied)) for update, planned, applied in rows
    ] == audit.rows


def test_the_csv_replaces_an_audit_and_no_other_file(tmp_path):
    audit, path = recorded(PLAN.values), tmp_path / "mine.csv"
    for content in ("", "update,planned,applied\n0,0.1,0.1\n"):
        path.write_text(content)
        audit.to_csv(path)
        assert len(path.read_text().splitlines()) == 21
    for content in ("height,weight\n1,2\n", "update,planned,applied,mine\n"):
        path.write_text(content)
        with pytest.raises(OutputError, match="is not an audit written by stepsize; choose another file"):
            audit.to_csv(path)
        assert path.read_text() == content


def test_the_summary_says_what_was_found():
    assert recorded(PLAN.values).summary() == "All 20 planned updates used the rate of cosine(0.1)."
    assert recorded(PLAN.values[:3]).summary() == (
        "All 3 recorded updates, of 20 planned, used the rate of cosine(0.1)."
    )
    assert Audit(PLAN).summary() == (
        "No update was recorded: attach the audit to the optimizer that makes the updates."
    )
    assert recorded([*PLAN.values, 0, 0]).summary() == (
        "All 22 recorded updates, 2 of them past the 20 planned ones, used the rate of cosine(0.1). "
        "Past its end it is 0."
    )
    assert recorded(PLAN.values / 2).summary() == (
        "Update 0 used the rate 0.05 instead of 0.1; 20 of 20 updates differ. Likely cause: every rate is "
        "0.5 times the planned one: it is scaled by the batch size or the devices, belongs to another "
        "parameter group, or is the plan's times the optimizer's own, as LambdaLR makes it unless lr=1."
    )
    assert "Likely cause: unknown;" in recorded([0.1, 0.3, 0.1, 0.5, 0.9]).summary()
    assert repr(recorded(PLAN.values)) == f"<Audit: {recorded(PLAN.values).summary()}>"


def test_the_picture_shows_both_curves():
    picture = ElementTree.fromstring(recorded(PLAN.values / 2)._repr_svg_())
    words = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "planned: cosine(0.1)" in words
    assert "applied" in words
    assert Audit(PLAN)._repr_svg_() is None


def test_a_multiplier_is_planned():
    audit = Audit(PLAN)
    for rate in PLAN.values:
        audit.record(rate * 0.1, multiplier=0.1)
    assert audit.first_difference is None
    np.testing.assert_array_equal(audit.planned, PLAN.values * 0.1)


def driven():
    """A plan with a metric, and the rates that it makes of three metrics that get no better."""
    plan = (ss.cosine(0.1) * ss.plateau(factor=0.5, patience=1)).plan(epochs=4, updates_per_epoch=5)
    schedule, rates = PlainSchedule(plan), []
    for _ in range(4):
        for _ in range(5):
            rates.append(schedule.rate)
            schedule.step()
        schedule.observe(1.0)
    return plan, rates


def test_a_metric_moves_the_planned_rate_as_well():
    plan, rates = driven()
    heard, deaf = Audit(plan), Audit(plan)
    for update, rate in enumerate(rates):
        heard.record(rate)
        deaf.record(rate)
        if update % 5 == 4:
            heard.observe(1.0)
    assert heard.first_difference is None
    assert deaf.first_difference == Row(15, plan(15), 0.5 * plan(15))
    assert deaf.causes[0].name == "plateau callback"
    assert "no metric was observed: call audit.observe(value)" in deaf.summary()
    assert "observed" not in heard.summary()


def test_causes_are_found_under_a_metric():
    plan, _ = driven()
    audit = Audit(plan)
    for update in range(20):
        audit.record(plan(min(2 * update, 20)) * (0.5 if update >= 15 else 1))
        if update % 5 == 4:
            audit.observe(1.0)
    assert [cause.name for cause in audit.causes] == ["double step"]


def test_a_run_that_goes_on_starts_where_it_was():
    audit = Audit(PLAN, start=np.int64(15))
    audit.record(PLAN(15))
    assert audit.rows == [Row(15, PLAN(15), PLAN(15))]
    assert audit.summary() == "All 1 recorded updates, of 20 planned, used the rate of cosine(0.1)."
    assert "from update 15 on" in audit._repr_svg_()


def test_the_state_of_an_adapter_says_where_a_run_is():
    plan, rates = driven()
    schedule = PlainSchedule(plan)
    for update in range(16):
        schedule.step()
        if update % 5 == 4:
            schedule.observe(1.0)
    audit = Audit(plan, start=schedule.state_dict())
    for rate in rates[16:]:
        audit.record(rate)
    assert audit.first_difference is None


def test_what_it_refuses():
    with pytest.raises(ScheduleError, match="is not a plan; write for example"):
        Audit(ss.cosine(0.1))  # type: ignore[arg-type]
    with pytest.raises(ScheduleError, match=r"tolerance=0 is not a share; write for example tolerance=1e-6"):
        Audit(PLAN, tolerance=0)
    with pytest.raises(ScheduleError, match=r"rate='fast' is not a number; record for example 0.1"):
        Audit(PLAN).record("fast")
    with pytest.raises(ScheduleError, match="does not follow a metric"):
        Audit(PLAN).observe(1.0)
    with pytest.raises(StateError, match="the state is not a JSON document"):
        Audit(PLAN, start="soon")
    with pytest.raises(StateError, match="start=-1"):
        Audit(PLAN, start=-1)


def test_an_update_past_the_plan_is_the_plans_affair():
    assert recorded([*PLAN.values, 0.0, 0.0]).first_difference is None
    ends = ss.cosine(0.1).plan(updates=2, after="error")
    audit = recorded(ends.values, ends)
    with pytest.raises(
        ScheduleError, match=r"update 2 \(counted from 0\) is past the end of the run of 2 updates"
    ):
        audit.record(0.0)
