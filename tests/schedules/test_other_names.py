"""Names of other libraries: the error says what the family is called here."""

import pytest

import stepsize as ss
from stepsize.errors import SpecError
from stepsize.schedules.other_names import OTHER_NAMES
from stepsize.schedules.registry import FAMILIES


def test_every_name_leads_to_a_family():
    assert set(OTHER_NAMES.values()) <= set(FAMILIES)
    assert not set(OTHER_NAMES) & set(FAMILIES)


@pytest.mark.parametrize(
    ("spec", "family"),
    [("time_based(0.1)", "inverse_time"), ("ReduceLROnPlateau()", "plateau"), ("CosineDecay(0.1)", "cosine")],
)
def test_the_error_names_the_family(spec, family):
    with pytest.raises(SpecError, match=f"its family is called '{family}' here"):
        ss.parse(spec)
