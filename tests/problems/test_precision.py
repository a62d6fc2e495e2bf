"""Numbers that float32 would round are shifted in float64 first, or refused."""

import keras
import numpy as np
import pandas
import pytest
from sklearn.preprocessing import StandardScaler

from stepsize.errors import ProblemError
from stepsize.problems.data_facts import describe
from stepsize.problems.loading.catalog import load
from stepsize.problems.precision import narrowed, steps
from stepsize.problems.preprocessing import prepare
from stepsize.problems.problem import Problem, problem

RNG = np.random.default_rng(0)
SECONDS = 1.7e9 + np.sort(RNG.uniform(0, 200, 60))
NOISE = RNG.normal(size=60)
LATE = (SECONDS > 1.7e9 + 100).astype(int)


@pytest.mark.parametrize(
    ("mean", "sd", "fits"),
    [(0, 1e-30, True), (3e5, 1e5, True), (101325, 50, True), (48.1, 0.01, False), (1e8, 1, False)],
)
def test_which_numbers_float32_rounds_noticeably(mean, sd, fits):
    column = (mean + sd * NOISE)[:, None]
    assert narrowed(column).dtype == (np.float32 if fits else np.float64)
    assert steps(column) == pytest.approx(
        column.std() / np.spacing(np.float32(np.abs(column).max())), rel=1e-6
    )


def test_gaps_and_constants_do_not_count():
    assert narrowed(np.array([[np.nan], [3.0], [4.0]])).dtype == np.float32
    assert narrowed(np.full((3, 1), 1e9)).dtype == np.float32
    assert narrowed(np.array([[np.nan], [1.7e9], [1.7e9 + 1]])).dtype == np.float64


@pytest.mark.parametrize("source", ["array", "whole numbers", "frame"])
def test_large_numbers_keep_their_differences(source):
    """Seconds since 1970, as an array, as int64 and in a table: the model sees what float64 would show it."""
    x = np.stack([SECONDS.round() if source == "whole numbers" else SECONDS, NOISE.round(3)], axis=1)
    if source == "frame":
        data = load(pandas.DataFrame({"time": SECONDS, "noise": NOISE.round(3), "late": LATE}), "late")
    elif source == "array":
        data = load((x, LATE))
    else:
        x = x[:, :1]
        data = load((x.astype(np.int64), LATE), prepare=True)
    rows = np.arange(40)
    _, shift, scale = prepare(data, rows)[""]
    assert data.trained_x.dtype == shift.dtype == np.float32
    expected = StandardScaler().fit(x[rows]).transform(x)
    np.testing.assert_allclose((data.trained_x - shift) / scale, expected, atol=1e-5)


def test_rows_that_differ_are_not_called_copies():
    data = load((SECONDS[:, None], LATE))
    assert describe(data, problem((SECONDS[:, None], LATE)).parts(0))["copies"] == 0


def test_gaps_are_filled_in_shifted_numbers():
    x = SECONDS[:, None].copy()
    x[3] = np.nan
    fill, shift, scale = prepare(load((x, LATE)), np.arange(60))[""]
    assert (fill - shift) / scale == pytest.approx((np.nanmedian(x) - np.nanmean(x)) / np.nanstd(x), abs=0.1)


def test_what_is_not_scaled_must_fit():
    with pytest.raises(ProblemError, match=r"x holds numbers from 17000.*float32.*subtract their mean first"):
        load((SECONDS[:, None], LATE), prepare=False)
    with pytest.raises(ProblemError, match="column 2 holds numbers"):
        load((np.stack([NOISE, SECONDS], axis=1), LATE), prepare=False)
    latitudes = (48.1 + 0.01 * NOISE)[:, None]
    assert load((latitudes, LATE), prepare=False).trained_x.dtype == np.float32


def test_ids_beyond_int32_are_refused():
    """They would wrap round, and become those of others."""
    for first in (2**32 + 5, -(2**40)):
        ids = first + np.zeros((60, 1), np.int64)
        with pytest.raises(ProblemError, match=rf"whole number {first}.*at most 2147483647"):
            load((ids, LATE), prepare=False)
        assert load((ids + LATE[:, None], LATE)).prepare


@pytest.mark.parametrize("source", ["array", "frame", "parquet", "csv", "texts"])
def test_ids_that_float64_makes_one_are_refused(source, tmp_path):
    ids = 2**53 + np.arange(60)
    frame = pandas.DataFrame({"id": ids, "b": NOISE, "late": LATE})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    sources = {
        "array": (np.stack([np.zeros(60, np.int64), ids], axis=1), LATE), "frame": frame,
        "parquet": tmp_path / "t.parquet", "csv": tmp_path / "t.csv",
        "texts": frame.assign(id=[f"{each}000" for each in ids]),
    }  # fmt: skip
    advice = "renumber ids from 0" + ("" if source == "array" else r", or leave them out \(drop='id'\)")
    with pytest.raises(ProblemError, match=rf"the whole numbers 9\d+ and 9\d+, which float64 .* {advice}"):
        load(sources[source], None if source == "array" else "late")
    nanoseconds = 1_700_000_000_000_000_000 + 10**9 * np.arange(60)  # rounded, and still different
    steps_of_time = np.diff(load((nanoseconds[:, None], LATE)).trained_x[:, 0])
    np.testing.assert_allclose(steps_of_time, 1e9, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int16])
def test_a_text_model_gets_whole_numbers_scaled(dtype):
    """It has no embeddings, for which they would have to stay."""
    ages = RNG.integers(18, 80, size=(60, 2)).astype(dtype)
    task = problem((ages, LATE), model="mlp(4)")
    _, shift, scale = prepare(task.data, np.arange(60))[""]
    expected = StandardScaler().fit_transform(ages.astype(float))
    np.testing.assert_allclose((task.data.trained_x - shift) / scale, expected, atol=1e-5)
    assert not any("kept as they are" in note for note in task.data.notes)
    assert problem((ages, LATE), model="mlp(4)", prepare=False).data.x.dtype == np.int32


def test_targets_are_shifted_before_they_are_cut():
    for y in (1e8 + NOISE, SECONDS):
        task = problem((NOISE[:, None], y))
        np.testing.assert_allclose(task.trained_y[:, 0], y - y.mean(), atol=1e-5)
        assert task.trained_y.dtype == np.float32


def test_targets_that_cannot_be_shifted_must_fit():
    with pytest.raises(ProblemError, match=r"the target holds numbers from 17000.*subtract their mean first"):
        problem((NOISE[:, None], SECONDS), metric="mape")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ProblemError, match="the target holds numbers"):
        Problem(model, (NOISE[:, None], SECONDS))
    pressures = Problem(model, (NOISE[:, None], 101325 + 50 * NOISE))
    np.testing.assert_array_equal(pressures.trained_y, pressures.data.y.astype(np.float32))
