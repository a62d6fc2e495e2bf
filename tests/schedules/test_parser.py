"""Specs: what is read, what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError, SpecError
from stepsize.schedules import Schedule
from stepsize.units import epochs, lr, run, updates


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("constant(0.1)", ss.constant(0.1)),
        ("  cosine( 1e-1 ,\n floor = 1/1000 )  # a remark", ss.cosine(0.1, floor=0.001)),
        ("cosine(peak=0.1)", ss.cosine(0.1)),
        ("cosine(lr, floor=lr/100)", ss.cosine(lr, floor=0.01 * lr)),
        ("cosine(lr, floor=0.01*lr)", ss.cosine(lr, floor=0.01 * lr)),
        ("inverse_time(0.1, rate=0.002, every=updates)", ss.inverse_time(0.1, rate=0.002, every=1 * updates)),
        (
            "multistep(0.1, at=[30*epochs, 3/4*run])",
            ss.multistep(0.1, at=[30 * epochs, 0.75 * run]),
        ),
        (
            "warmup(5*epochs)>>constant(2*0.1)*linear(1)",
            ss.warmup(5 * epochs) >> ss.constant(0.2) * ss.linear(1),
        ),
        ("0.5*(warmup(epochs*5)>>cosine(lr))", 0.5 * (ss.warmup(5 * epochs) >> ss.cosine(lr))),
        (
            "constant(0.1) * plateau(patience=5, mode='max')",
            ss.constant(0.1) * ss.plateau(patience=5, mode="max"),
        ),
        (
            "constant(1, length=5*updates) + linear(2) * 3 >> cosine(1)",
            (ss.constant(1, length=5 * updates) + (ss.linear(2) * 3)) >> ss.cosine(1),
        ),
        (
            "clip(warmup(2*epochs) >> cosine(lr), floor=0.001)",
            (ss.warmup(2 * epochs) >> ss.cosine(lr)).clip(floor=0.001),
        ),
        ("tanh(0.1, lower=-7)", ss.tanh(0.1, lower=-7)),
        ("constant(0.1) / 2", ss.constant(0.1) * 0.5),
        ("wsd(0.1, length=None, closed=True)", ss.wsd(0.1, closed=True)),
    ],
)
def test_texts_and_what_they_mean(text: str, schedule: Schedule) -> None:
    assert ss.parse(text) == schedule


def test_a_long_chain_is_not_a_deep_one() -> None:
    chain = " >> ".join(["constant(1, length=1*updates)"] * 60 + ["constant(2)"])
    assert ss.parse(chain).plan(updates=70).values.tolist() == [1] * 60 + [2] * 10


GRAMMAR = "is not part of a spec; write calls of schedules, numbers, lengths"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the spec is ''; write a text such as"),
        ("   ", "the spec is '   '"),
        (None, "the spec is None"),
        (0.1, "the spec is 0.1"),
        ("cosine(0.1", r"'cosine\(0.1' cannot be read: '\(' was never closed \(character 7\)"),
        ("cosine(0.1))", r"unmatched '\)' \(character 12\)"),
        ("cosine(0.1);", "cannot be read: invalid syntax"),
        ("import os", "cannot be read: invalid syntax"),
        ("cos\0ine(1)", "has a null byte"),
        ("\ud800", "cannot be read"),
        ("cosine", r"cosine is a schedule; write its arguments, as in cosine\(...\)"),
        ("0.1", r"'0.1' is not a schedule; write for example cosine\(0.1\)"),
        ("5*epochs", r"'5\*epochs' is not a schedule"),
        ("lr", "'lr' is not a schedule"),
        ("cosin(0.1)", r"cosin\(0.1\): unknown schedule 'cosin'; did you mean 'cosine'"),
        ("cosine(0.1, flor=0.01)", "unknown argument 'flor'; did you mean 'floor'"),
        ("cosine()", "peak is missing"),
        ("polynomial(0.1)", "power is missing"),
        (
            "cosine(0.1, 0.01)",
            "takes 1 positional argument.s., but got 2; .*: floor, length, closed",
        ),
        ("plateau(0.1)", "takes 0 positional argument.s., but got 1"),
        ("cosine(0.1, peak=0.2)", "peak appears twice"),
        ("cosine(0.1, floor=0, floor=0)", "write each argument once"),
        ("cosine(**{})", "write each argument once, by its name"),
        ("cosine(*[0.1])", GRAMMAR),
        ("cosine(lr1)", "unknown name 'lr1'; did you mean 'lr'"),
        ("warmup(5*epoch) >> cosine(0.1)", "unknown name 'epoch'; did you mean 'epochs'"),
        ("cosine(nan)", "unknown name 'nan'"),
        ("cosine(1e999)", r"cosine\(1e999\): peak=inf is not allowed"),
        ("cosine(-0.1)", r"cosine\(-0.1\): peak=-0.1 is not allowed"),
        ("cosine('0.1')", "peak='0.1' is not a number"),
        ("cosine(True)", "peak=True is not a number"),
        ("warmup(5) >> cosine(0.1)", r"warmup\(5\): warmup: 5 has no unit; write 5\*epochs"),
        ("cosine(0.1) >> linear(0.1)", "has no end before >>"),
        ("cosine(0.1) >> 0.1", ">> joins schedules, and 0.1 is not one"),
        ("1 >> 2", ">> joins schedules, and 1 is not one"),
        ("cosine(0.1) * 0", "0 times a schedule is always 0"),
        ("cosine(1/0)", "1/0 has no value"),
        ("lr*lr*cosine(1)", r"lr\*lr has no value"),
        ("epochs*epochs", r"epochs\*epochs: "),
        ("'a'*1000000000", "only numbers, lengths, knobs and schedules go together"),
        ("[1]*1000000000", "only numbers, lengths, knobs and schedules go together"),
        ("-epochs", GRAMMAR),
        ("__import__('os').system('true')", r"__import__\('os'\)\.system\('true'\) " + GRAMMAR),
        ("__import__('os')", "unknown schedule '__import__'"),
        ("eval('1')", "unknown schedule 'eval'"),
        ("cosine.__class__", GRAMMAR),
        ("cosine(0.1).plan(updates=3)", GRAMMAR),
        (
            "cosine(0.1, length=5*epochs).repeat(times=8)",
            r"write repeat around it, as in repeat\(cosine\(0.1\), ...\)",
        ),
        ("lambda: 1", GRAMMAR),
        ("cosine(0.1) > 1", GRAMMAR),
        ("cosine(0.1) if 1 else 2", GRAMMAR),
        ("cosine(0.1)[0]", GRAMMAR),
        ("cosine(f'{1}')", GRAMMAR),
        ("cosine(b'1')", GRAMMAR),
        ("cosine(1j)", GRAMMAR),
        ("cosine(9**9**9)", GRAMMAR),
        ("cosine(0.1) + 0.1", "adds schedules, and 0.1 is not one"),
        ("0.1 + cosine(0.1)", "adds schedules, and 0.1 is not one"),
        ("cosine(0.1) - cosine(0.1)", GRAMMAR),
        ("[x for x in [1]]", GRAMMAR),
        ("(x := 1)", GRAMMAR),
        ("...", GRAMMAR),
        ("{}", GRAMMAR),
        ("~1", GRAMMAR),
        ("1if 1 else 2", GRAMMAR),
    ],
)
def test_what_cannot_be_read(text: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        ss.parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800  # all families at most


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 10_000 + "1" + ")" * 10_000, "has 20001 characters; write at most 2000"),
        ("(" * 900 + "1" + ")" * 900, "more than 50 brackets inside each other"),
        ("[" * 900 + "]" * 900, "more than 50 brackets inside each other"),
        ("(" * 900, "more than 50 brackets inside each other"),
        ("-" * 1900 + "1", "nested more than 50 levels deep"),
        ("not " * 450 + "1", GRAMMAR),
        ("a." * 900 + "a", GRAMMAR),
        ("lambda:" * 250 + "1", GRAMMAR),
        ("1 if 1 else " * 150 + "1", GRAMMAR),
        ("1>>" * 600 + "1", ">> joins schedules, and 1 is not one"),
        ("9" * 1900 + "*lr*cosine(1)", r"lr=9+\.\.\. is not allowed"),
        ("9" * 900 + "/" + "1" * 3 + "*cosine(1)", "has no value"),
    ],
)
def test_huge_and_deep_texts_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        ss.parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_any_free_name_is_a_knob() -> None:
    schedule = ss.parse("warmup(w*run) >> polynomial(lr, power=p, floor=0.5*f*lr)")
    assert schedule.knobs == {"w", "lr", "p", "f"}
    assert ss.parse(str(schedule)) == schedule == ss.from_json(schedule.to_json())
    bound = schedule.bind(w=0.1, p=2, f=0.02)
    assert bound == ss.parse("warmup(0.1*run) >> polynomial(lr, power=2, floor=0.01*lr)")
    assert bound.bind(lr=0.5).plan(updates=10).values[-1] > 0
    with pytest.raises(ScheduleError, match="power=0"):  # checked once it is a number
        schedule.bind(p=0)
    with pytest.raises(ScheduleError, match=r"has a free knob"):
        ss.parse("warmup(w*run) >> cosine(0.1)").plan(updates=10)
