"""Sweeps: the ramp, when a sweep ends, and what a step must be."""

from __future__ import annotations

import numpy as np
import pytest

import stepsize as ss
from stepsize.errors import StudyError
from stepsize.range_test.sweeps import batch_noise, ramp_of_rates, run_sweep, run_sweeps


@pytest.mark.parametrize("shape", ["exponential", "linear"])
@pytest.mark.parametrize(("lowest", "highest"), [(1e-7, 3.0), (0.01, 0.011)])
def test_a_ramp_reaches_both_ends(shape, lowest, highest):
    rates = ramp_of_rates(lowest, highest, 37, shape)
    assert rates[0] == lowest
    assert rates[-1] == highest
    assert len(rates) == 37
    steps = np.diff(np.log(rates) if shape == "exponential" else rates)
    assert np.allclose(steps, steps[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 0}, "lowest=0 must be a positive number"),
        ({"lowest": -0.1}, "lowest=-0.1 must be a positive number"),
        ({"highest": float("inf")}, "highest=inf must be a positive number"),
        ({"lowest": "0.1"}, "lowest='0.1' must be a positive number"),
        ({"lowest": 1.0, "highest": 0.1}, "lowest=1.0 must be smaller than highest=0.1"),
        ({"lowest": 1.0, "highest": 1.0}, "lowest=1.0 must be smaller than highest=1.0"),
        ({"updates": 1}, "updates=1 must be a whole number of 2 or more"),
        ({"updates": 100.0}, "updates=100.0 must be a whole number of 2 or more"),
        ({"ramp": "cosine"}, 'ramp=\'cosine\' must be "exponential" or "linear"'),
        ({"sweeps": 0}, "sweeps=0 must be a positive whole number"),
        ({"sweeps": 3}, "sweeps=3 needs a step that can be reset"),
    ],
)
def test_arguments_that_cannot_be_used(options, message):
    with pytest.raises(StudyError, match="^" + message.replace("(", r"\(")):
        ss.find(lambda rate: 1.0, **options)


@pytest.mark.parametrize("loss", [None, "0.5", True, [0.1, 0.2], np.zeros(2)])
def test_a_step_returns_one_number(loss):
    with pytest.raises(StudyError, match=r"step\(1e-06\) returned .* the loss of its batch as one number"):
        ss.find(lambda rate: loss)


def test_models_are_not_steps():
    torch = pytest.importorskip("torch")
    with pytest.raises(StudyError, match=r"find\(Linear\) got a PyTorch model; .*TorchStep\(model, "):
        ss.find(torch.nn.Linear(1, 1))
    keras = pytest.importorskip("keras")
    with pytest.raises(StudyError, match=r"got a Keras model; .*KerasStep\(model, x, y\)"):
        ss.find(keras.Sequential([keras.layers.Dense(1)]))


def losses_of(values):
    stream = iter(values)
    return lambda rate: next(stream)


def test_a_sweep_ends_at_a_loss_that_is_not_finite():
    sweep = run_sweep(losses_of([1.0, 0.9, float("nan"), 0.8]), [0.1] * 4)
    assert (sweep.end, sweep.losses.tolist()) == ("not finite", [1.0, 0.9])


def test_a_sweep_ends_when_the_batches_do():
    sweep = run_sweep(losses_of([1.0, 0.9]), [0.1] * 4)
    assert (sweep.end, len(sweep.losses)) == ("out of batches", 2)


@pytest.mark.parametrize("shift", [0.0, -100.0, 100.0])
def test_a_sweep_ends_when_its_loss_diverges_whatever_its_sign(shift):
    fall, rise = np.linspace(1, 0, 100), np.linspace(0, 100, 100)
    sweep = run_sweep(losses_of(np.concatenate([fall, rise]) + shift), [0.1] * 200)
    assert sweep.end == "diverged"
    assert 3.5 < sweep.losses[-1] - shift < 8


def test_one_odd_batch_does_not_end_a_sweep():
    losses = np.linspace(1, 0.5, 100)
    losses[60] = 1000
    assert run_sweep(losses_of(losses), [0.1] * 100).end == "complete"


def test_a_constant_loss_does_not_diverge():
    assert run_sweep(lambda rate: 0.0, [0.1] * 50).end == "complete"


def test_noise_is_that_of_a_batch_whatever_the_curve():
    generator = np.random.default_rng(0)
    noise = 0.1 * generator.standard_normal(5000)
    assert batch_noise(noise) == pytest.approx(0.1, rel=0.05)
    assert batch_noise(noise + np.linspace(0, 50, 5000)) == pytest.approx(0.1, rel=0.05)


class Counted:
    """A step that can be reset, and records what is called."""

    def __init__(self, fails_at=None):
        self.calls, self.fails_at = [], fails_at

    def reset(self, sweep):
        self.calls.append(f"reset {sweep}")

    def restore(self):
        self.calls.append("restore")

    def __call__(self, rate):
        self.calls.append(rate)
        if len(self.calls) == self.fails_at:
            raise RuntimeError("out of memory")
        return 1.0


def test_a_step_is_reset_before_every_sweep_and_restored_in_the_end():
    step = Counted()
    run_sweeps(step, [0.1, 0.2], 2)
    assert step.calls == ["reset 0", 0.1, 0.2, "reset 1", 0.1, 0.2, "restore"]


def test_a_step_that_fails_is_restored():
    step = Counted(fails_at=2)
    with pytest.raises(RuntimeError, match="out of memory"):
        run_sweeps(step, [0.1, 0.2], 2)
    assert step.calls[-1] == "restore"
