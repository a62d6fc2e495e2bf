"""Numbers as people write them: read by the right decimal mark, or not at all."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stepsize.errors import ProblemError
from stepsize.problems.loading.number_formats import decimal_mark, read_number, read_numbers

cents = st.integers(-(10**9), 10**9).map(lambda n: n / 100)
SWAP = str.maketrans(".,", ",.")


@given(st.lists(cents, min_size=1, max_size=9), st.booleans(), st.sampled_from([None, ".", ","]))
def test_two_decimals_are_read_by_their_mark(values, grouped, mark):
    english = [f"{value:,.2f}" if grouped else f"{value:.2f}" for value in values]
    german = [text.translate(SWAP) for text in english]
    assert read_numbers(english, mark, "it").tolist() == values
    assert read_numbers(german, mark, "it").tolist() == values
    assert decimal_mark([english]) == "."
    assert decimal_mark([german]) == ","
    assert decimal_mark([german, english], "usual") == "usual"


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=9))
def test_thousands_are_read_as_such_or_refused(values):
    texts = [f"{value:,}" for value in values]
    assume(any("," in text for text in texts))
    assert read_numbers(texts, ".", "it").tolist() == values
    assert read_numbers([text.translate(SWAP) for text in texts], ",", "it").tolist() == values
    if any(text.count(",") > 1 for text in texts):
        assert read_numbers(texts, None, "it").tolist() == values
        return
    with pytest.raises(ProblemError, match="write numbers without separators of thousands"):
        read_numbers(texts, None, "it")


@given(st.floats(allow_nan=False, width=32))
def test_what_python_writes_is_read_as_python_reads_it(value):
    for text in (str(value), repr(value), f"{value:e}", f"{value:.3f}", f"{value:+g}"):
        assert float(text) == read_number(text)


def test_a_point_before_an_exponent_is_decimal_in_every_table():
    assert decimal_mark([["-8.407e+01", "1.250e+00"]]) == "."
    assert read_numbers(["-8.407e+01"], ",", "it").tolist() == [-84.07]
    assert read_numbers(["8.407e1", "0,5"], ",", "it") is None


@pytest.mark.parametrize(
    "text", ["", "-", ".", ",", "1_0", "0x10", "12,34,567", "1.2.3", "1,2,3", "٣", "e5", "A1"]
)
def test_what_is_not_a_number(text):
    assert read_number(text) is None
    assert read_numbers(["1", text], None, "it") is None


def test_words_are_numbers_that_are_missing_or_not_finite():
    np.testing.assert_array_equal(read_numbers(["nan", "-inf", "2"], None, "it"), [np.nan, -np.inf, 2])
