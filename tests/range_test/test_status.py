"""The status on losses that have no answer, and the answer on those that have one."""

from __future__ import annotations

import json

import numpy as np
import pytest

import stepsize as ss
from stepsize.range_test.curve import make_curve, resampled_curves
from stepsize.range_test.suggestions import suggest_rate
from stepsize.range_test.sweeps import Sweep, ramp_of_rates

UPDATES = 700


class MadeUp:
    """A step whose loss is a function of the rate, with the noise of a batch."""

    def __init__(self, loss, noise=0.02, end=None):
        self.loss, self.noise, self.end = loss, noise, end
        self.reset(0)

    def reset(self, sweep):
        self.generator, self.left = np.random.default_rng([sweep, 7]), self.end

    def restore(self):
        pass

    def __call__(self, rate):
        if self.left is not None:
            if not self.left:
                raise StopIteration
            self.left -= 1
        return float(self.loss(rate) + self.noise * self.generator.standard_normal())


def valley(rate, falls_at=0.003, rises_at=0.5, depth=0.7):
    decade = np.log10(rate)
    fall = 1 / (1 + np.exp(-(decade - np.log10(falls_at)) / 0.3))
    return 1 - depth * fall + 30 * max(decade - np.log10(rises_at), 0) ** 2


EDGES = [(0.003, 0.5), (1e-4, 0.01), (0.05, 2.0)]
EACH_PAIR = [  # every two of a noise, a shift and the edges, not every three
    (noise, -5.0 * ((i + j) % 2), *edges)
    for i, noise in enumerate([0.0, 0.02, 0.1])
    for j, edges in enumerate(EDGES)
]


@pytest.mark.parametrize(("noise", "shift", "falls_at", "rises_at"), EACH_PAIR)
def test_a_loss_that_falls_and_rises_has_a_rate(noise, shift, falls_at, rises_at):
    step = MadeUp(lambda rate: valley(rate, falls_at, rises_at) + shift, noise)
    result = ss.find(step, updates=UPDATES)
    assert result.status == "ok"
    assert rises_at / 20 < result.best < rises_at / 5
    low, high = result.range
    assert low == pytest.approx(falls_at, rel=0.5)
    assert rises_at / 2 < high < rises_at * 2
    assert result.answer["sentence"].startswith("Begin with lr=")


STATUSES = {
    "flat": MadeUp(lambda rate: 1.0),
    "flat without noise": MadeUp(lambda rate: 1.0, noise=0),
    "flat, and it diverges in the end": MadeUp(lambda rate: 1.0 + 30 * max(np.log10(rate / 0.5), 0) ** 2),
    "still_falling": MadeUp(lambda rate: valley(rate, 0.1, 1e9)),
    "still_falling, at a floor": MadeUp(lambda rate: valley(rate, 0.001, 1e9)),
    "still_falling, then not finite": MadeUp(lambda rate: valley(rate) if rate < 0.3 else float("nan")),
    "diverged_at_once": MadeUp(lambda rate: 1.0 if rate < 2e-6 else float("nan")),
    "diverged_at_once, slowly": MadeUp(lambda rate: 1.0 + 1e3 * max(np.log10(rate / 3e-6), 0) ** 2),
    "diverged_at_once, from the start": MadeUp(lambda rate: float("inf")),
    "too_few_batches": MadeUp(valley, end=300),
    "too_few_batches, none": MadeUp(valley, end=0),
    "unstable": MadeUp(lambda rate: 0, noise=0),
}


@pytest.mark.parametrize("name", STATUSES)
def test_losses_without_an_answer_have_a_status_and_no_number(name):
    step = STATUSES[name]
    if name == "unstable":

        def reset(sweep):
            step.loss = lambda rate: valley(rate, 0.003, 0.02 * 3**sweep)

        step.reset = reset
    result = ss.find(step, updates=UPDATES)
    assert result.status == name.partition(",")[0].partition(" ")[0]
    assert result.best is None
    assert result.range is None
    assert result.answer["best"] is None
    assert result.answer["peaks"] == {}
    assert result.answer["sentence"].startswith("This test does not show which rate to use. ")
    assert repr(result)
    json.loads(result.to_json(), parse_constant=lambda text: pytest.fail(text))


def test_a_loss_that_falls_until_it_is_not_finite_needs_no_higher_rate():
    sentence = ss.find(STATUSES["still_falling, then not finite"], updates=UPDATES).answer["sentence"]
    assert "until it was no longer finite, or far too high, at a rate of 0.3: use updates=3500" in sentence


@pytest.mark.parametrize(
    ("ramp", "advice"),
    [
        ({"updates": 25}, "use updates=500, or a narrower ramp"),
        ({"updates": 60, "lowest": 0.03, "highest": 0.3}, "after 14 of 60 updates"),
    ],
)
def test_a_short_sweep_that_diverges_on_its_way_does_not_do_so_at_once(ramp, advice):
    result = ss.find(MadeUp(lambda rate: 1.0 - rate if rate < 0.05 else float("nan")), **ramp)
    assert result.status == "too_few_batches"
    assert advice in result.answer["sentence"]


@pytest.mark.parametrize("updates", [2, 10, 100, 300])
def test_a_fast_ramp_has_too_few_batches(updates):
    result = ss.find(MadeUp(valley), updates=updates)
    assert result.status == "too_few_batches"
    assert "use updates=500" in result.answer["sentence"]
    assert ss.find(MadeUp(valley), updates=500).status == "ok"


def test_a_narrow_ramp_needs_fewer_updates():
    assert ss.find(MadeUp(valley), updates=300, lowest=1e-4).status == "ok"


def test_a_linear_ramp_finds_the_same_rise():
    linear = ss.find(MadeUp(valley), lowest=1e-4, highest=1.5, ramp="linear", updates=UPDATES)
    assert linear.status == "ok"
    assert linear.best == pytest.approx(ss.find(MadeUp(valley), updates=UPDATES).best, rel=0.3)


def test_a_plain_function_makes_one_sweep_and_says_so():
    result = ss.find(MadeUp(valley).__call__, updates=UPDATES)
    assert result.status == "ok"
    assert result.answer["best"]["sweeps"] is None
    assert "Only one sweep was made" in str(result)


def test_the_answer_is_complete():
    result = ss.find(MadeUp(valley), updates=UPDATES)
    answer = json.loads(result.to_json())
    assert answer["best"]["sweeps"][0] <= answer["best"]["rate"] * 1.5
    assert len(answer["ends"]) == 5
    assert answer["agreement"] == pytest.approx(
        max(answer["suggestions"].values()) / min(answer["suggestions"].values())
    )
    assert [tuple(point.values())[:2] for point in answer["curve"]] == result.curve
    assert all(p["low"] <= p["loss"] <= p["high"] for p in answer["curve"])
    for width in (30, 60, 100):
        from stepsize.report.terminal import range_test

        assert max(map(len, range_test.render(result.answer, width).splitlines())) <= max(width, 30)


@pytest.mark.parametrize("updates", [0, 1, 2, 5, 30])
def test_one_sweep_that_ends_early_makes_the_answer_unstable(updates):
    step = MadeUp(valley)

    def reset(sweep):
        step.generator = np.random.default_rng([sweep, 7])
        step.calls = 0 if sweep == 2 else -UPDATES

    def fails_early(rate):
        step.calls += 1
        return valley(rate) if step.calls <= updates else float("nan")

    step.reset, step.loss = reset, fails_early
    result = ss.find(step, updates=UPDATES)
    assert (result.status, result.best) == ("unstable", None)
    assert result.answer["ends"].count("not finite") == 1


@pytest.mark.parametrize(("rises_at", "count"), [([0.02] * 10, 5), ([0.02, 0.035] * 5, 10)])
def test_five_more_sweeps_are_made_if_five_are_not_certain(rises_at, count):
    step, sweeps = MadeUp(valley, noise=0), []

    def reset(sweep):
        sweeps.append(sweep)
        step.loss = lambda rate: valley(rate, 0.001, rises_at[sweep])

    step.reset = reset
    result = ss.find(step, updates=UPDATES)
    assert sweeps == list(range(count))
    (low, high), (lowest, highest) = (result.answer["best"][name] for name in ("ci95", "sweeps"))
    assert lowest <= low <= result.best <= high <= highest
    assert highest / lowest == pytest.approx(max(rises_at) / min(rises_at), rel=0.1)
    assert f"interval of the rate over {count} sweeps is" in " ".join(str(result).split())


@pytest.mark.parametrize(("noise", "share"), [(0.05, 0.8), (0.2, 0.8)])
def test_the_interval_of_a_rate_holds_what_many_sweeps_suggest(noise, share):
    """The bootstrap over ten sweeps covers less than it promises, as it does for any median of ten."""
    rates = ramp_of_rates(1e-6, 10.0, 300)

    def sweeps_of(generator, count):
        losses = [
            [valley(rate) + noise * generator.standard_normal() for rate in rates] for _ in range(count)
        ]
        return [Sweep(np.array(each), "complete") for each in losses]

    truth = suggest_rate(make_curve(rates, sweeps_of(np.random.default_rng(0), 200)))
    inside = 0
    for seed in range(40):
        sweeps = sweeps_of(np.random.default_rng([1, seed]), 10)
        interval = np.percentile(
            [suggest_rate(curve) for curve in resampled_curves(rates, sweeps, "exponential", 100)],
            [2.5, 97.5],
        )
        inside += interval[0] <= truth <= interval[1]
    assert inside / 40 >= share
