"""Schedules as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

import stepsize.schedules as ss
from stepsize.errors import SpecError
from stepsize.units import epochs, lr, run


def test_the_document_is_plain_to_read() -> None:
    schedule = 0.5 * (ss.warmup(5 * epochs) >> ss.cosine(lr, floor=0.01 * lr)) * ss.plateau(patience=3)
    assert json.loads(schedule.to_json()) == {
        "stepsize_schedule": 1,
        "schedule": {
            "product": [
                0.5,
                {
                    "join": [
                        {"name": "warmup", "length": {"epochs": 5}},
                        {"name": "cosine", "peak": {"knob": "lr"}, "floor": {"knob": "lr", "scale": 0.01}},
                    ]
                },
                {"name": "plateau", "patience": 3},
            ]
        },
    }
    assert ss.from_json(schedule.to_json()) == schedule


def test_lists_and_fractions() -> None:
    schedule = ss.multistep(0.1, at=[30 * epochs, 0.75 * run])
    document = json.loads(schedule.to_json())
    assert document["schedule"]["at"] == [{"epochs": 30}, {"run": 0.75}]
    assert ss.from_json(json.dumps(document)) == schedule


def wrapped(schedule: str) -> str:
    return f'{{"stepsize_schedule": 1, "schedule": {schedule}}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a JSON document"),
        ("cosine(0.1)", "is not a JSON document"),
        (None, "is not a JSON document"),
        (b"\xff", "is not a JSON document"),
        ("[" * 100_000, "is not a JSON document"),
        ("[]", "is not a schedule"),
        ('{"name": "cosine", "peak": 0.1}', "is not a schedule; write"),
        ('{"stepsize_schedule": 2, "schedule": {}}', "stepsize_schedule=2 is unknown; this version reads 1"),
        ('{"stepsize_schedule": 1}', '"schedule": None is not a schedule'),
        (wrapped("0.1"), '"schedule": 0.1 is not a schedule'),
        (wrapped("{}"), "is not part of a schedule"),
        (wrapped('{"peak": 1}'), "is not part of a schedule"),
        (wrapped('{"scale": 1}'), "is not part of a schedule"),
        (wrapped('{"epochs": 1, "run": 1}'), "is not part of a schedule"),
        (wrapped('{"join": 1}'), "is not part of a schedule"),
        (wrapped('{"join": []}'), "is not part of a schedule"),
        (wrapped('{"join": [1]}'), ">> joins schedules, and 1 is not one"),
        (wrapped('{"product": [2]}'), "a product needs a schedule"),
        (wrapped('{"product": ["a"]}'), "factor='a' is not a number"),
        (wrapped('{"product": [{"knob": "run"}]}'), "'run' cannot name a knob"),
        (wrapped('{"name": "cosin"}'), "unknown schedule 'cosin'; did you mean 'cosine'"),
        (wrapped('{"name": ["a"]}'), "unknown schedule"),
        (wrapped('{"name": "cosine"}'), "peak is missing"),
        (wrapped('{"name": "cosine", "peak": 1, "flor": 1}'), "unknown argument 'flor'"),
        (wrapped('{"name": "cosine", "peak": NaN}'), "peak=nan is not allowed"),
        (wrapped('{"name": "cosine", "peak": 1e999}'), "peak=inf is not allowed"),
        (wrapped('{"name": "cosine", "peak": {"knob": ["lr"]}}'), "cannot name a knob"),
        (wrapped('{"name": "cosine", "peak": 1, "length": 5}'), "length: 5 has no unit"),
        (wrapped('{"name": "cosine", "peak": 1, "length": {"epochs": -1}}'), "epochs=-1 is not allowed"),
        (wrapped('{"name": "cosine", "peak": 1, "closed": 1}'), "closed=1 is neither True nor False"),
        (wrapped('{"join": [' * 60 + "1" + "]}" * 60), "nested more than 50 levels deep"),
    ],
)
def test_what_cannot_be_read(text: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        ss.from_json(text)
