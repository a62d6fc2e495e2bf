"""Every family in every target: the exported code runs there and gives every rate of the plan."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.draws import LAW, NAMES, family_of, planned
from tests.support.exported_code import TARGETS, assert_same_rates

WITHOUT_CODE = {"custom"}


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_CODE))
def test_every_family_runs_in_every_target(name: str, to: str) -> None:
    @settings(LAW, max_examples=5)
    @given(family_of(name))
    def check(schedule: Any) -> None:
        assert_same_rates(planned(schedule), to)

    check()
