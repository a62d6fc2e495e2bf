"""Preparing: what the pipeline fits, on training rows alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stepsize.problems.loading.catalog import ionosphere, load
from stepsize.problems.preprocessing import preparation_notes, prepare


def applied(prepared, x):
    """What the engine makes of rows."""
    filled = x if prepared.fill is None else np.where(np.isnan(x), prepared.fill, x)
    return (filled - prepared.shift) / prepared.scale


numbers = st.floats(-100, 100, width=32, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-30)


@given(arrays(np.float32, (10, 3), elements=numbers | st.just(float("nan"))))
def test_the_same_as_the_pipeline(x):
    data = load((x, np.arange(10) % 2))
    rows = np.array([0, 2, 3, 5, 7, 8])
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    pipeline = make_pipeline(imputer, StandardScaler()).fit(x[rows].astype(np.float64))
    np.testing.assert_allclose(
        applied(prepare(data, rows)[""], x), pipeline.transform(x.astype(np.float64)), rtol=1e-3, atol=1e-3
    )


def test_a_column_too_small_for_single_precision_is_not_scaled():
    x = np.array([[1e-45, 1.0], [0, 2.0], [0, 3.0], [0, 4.0]], np.float32)
    prepared = prepare(load((x, np.arange(4) % 2)), np.arange(4))[""]
    assert prepared.scale.tolist() == [1, pytest.approx(np.arange(4).std())]
    assert np.isfinite(applied(prepared, x)).all()


def test_other_rows_change_nothing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3)).astype(np.float32)
    x[3, 1] = np.nan
    changed = x.copy()
    changed[10:] = 1e6
    rows = np.arange(10)
    first, second = (prepare(load((each, np.arange(20) % 2)), rows)[""] for each in (x, changed))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(prepare(load((changed, np.arange(20) % 2)), rows + 10)[""].shift, first.shift)


def test_the_same_shape_for_every_seed():
    """A gap anywhere asks for filling, also where the training rows have none; and an empty column is 0."""
    x = np.ones((8, 2), np.float32)
    x[7, 0] = np.nan
    x[:4, 1] = np.nan
    found = prepare(load((x, np.arange(8) % 2)), np.arange(4))[""]
    assert found.fill.tolist() == [1, 0]
    assert found.scale.tolist() == [1, 1]
    assert found.shift.dtype == found.scale.dtype == found.fill.dtype == np.float32


def test_only_floats_and_only_if_asked():
    assert prepare(ionosphere(), np.arange(9)) == {"": None}
    inputs = {"tokens": np.zeros((8, 5), int), "numbers": np.eye(8)[:, :2]}
    found = prepare(load((inputs, np.arange(8) % 2)), np.arange(6))
    assert found["tokens"] is None
    assert found["numbers"].fill is None
    rows = prepare(
        load((np.random.default_rng(0).normal(size=(8, 3, 2)), np.arange(8) % 2), prepare=True), np.arange(6)
    )
    assert rows[""].shift.shape == (3, 2)


@pytest.mark.parametrize(
    ("x", "steps"),
    [
        ([[1.0], [2], [3], [4]], ["StandardScaler()"]),
        ([[1.0], [np.nan], [3], [4]], ["SimpleImputer(strategy='median'), StandardScaler()"]),
        ([[1], [2], [3], [4]], []),
    ],
)
def test_notes_on_what_is_fitted(x, steps):
    data = load((np.array(x), [0, 1, 0, 1]))
    assert preparation_notes(data) == [f"fitted on the training rows of each seed: {each}" for each in steps]
