"""What a training function asks for: refused if it does not fit the plan, and counted if it is left out."""

from __future__ import annotations

import pytest

import stepsize as ss
from stepsize.errors import StudyError
from stepsize.study.jobs import AGAIN
from stepsize.study.protocol import checked_jobs, finished_runs, rounds, total_runs
from stepsize.study.stores.store import Run, Store
from stepsize.study.study import make_study
from stepsize.study.user_functions.counting import NAME, with_counted_updates
from stepsize.study.user_functions.training import Training
from stepsize.study.user_functions.worker import CountRequest, RunRequest, count_updates, make_run

EPOCHS = 4


def trainer(asks):
    """Make a training function that asks for the rates of `asks(epoch)` in each epoch."""

    def train(schedule, seed, report):
        for epoch in range(EPOCHS):
            for t in asks(epoch):
                schedule(t)
            report(0.5 + 0.1 * epoch)

    return train


def run(train, updates_per_epoch, spec="linear(0.1)", epochs=EPOCHS):
    return make_run(train, RunRequest(spec, {}, 0, epochs, updates_per_epoch, "accuracy", True, counts=True))


EVERY_UPDATE = trainer(lambda epoch: range(9 * epoch, 9 * epoch + 9))
ONE_AHEAD = trainer(lambda epoch: range(9 * epoch + (epoch > 0), 9 * epoch + 10))
ONE_AN_EPOCH = trainer(lambda epoch: [9 * epoch])


@pytest.mark.parametrize("train", [EVERY_UPDATE, ONE_AHEAD, ONE_AN_EPOCH])
def test_the_planned_updates_are_accepted(train):
    curves, _ = run(train, 9)
    assert curves[0, -1] - curves[0, 0] == 27
    assert curves[1, -1] == {EVERY_UPDATE: 36, ONE_AHEAD: 37, ONE_AN_EPOCH: 4}[train]


@pytest.mark.parametrize("count", [2, 7, 12, 100])
def test_another_number_of_updates_is_refused_with_the_right_one(count):
    with pytest.raises(
        StudyError, match=rf"9 an epoch, and updates_per_epoch={count}; .*updates_per_epoch=9"
    ):
        run(EVERY_UPDATE, count)
    with pytest.raises(StudyError, match=rf"9 an epoch, and updates_per_epoch={count}"):
        run(ONE_AHEAD, count)


def test_a_skipped_update_now_and_then_is_accepted():
    skips = trainer(lambda epoch: range(100 * epoch - epoch, 100 * epoch + 99 - epoch))
    curves, _ = run(skips, 100)
    assert curves[0].tolist() == [99, 198, 297, 396]


def test_epochs_as_updates_are_refused():
    with pytest.raises(
        StudyError, match=r"1 an epoch, and updates_per_epoch=9; .* schedule\.at_epoch\(epoch\)"
    ):
        run(trainer(lambda epoch: [epoch]), 9)


def test_updates_past_the_whole_run_are_refused():
    with pytest.raises(
        StudyError, match=r"asked for update 117 by epoch 2, .* updates 0 to 35; count t from 0"
    ):
        run(trainer(lambda epoch: range(100 + 9 * epoch, 109 + 9 * epoch)), 9)


def test_updates_counted_from_1_are_refused():
    from_1 = trainer(lambda epoch: range(9 * epoch + 1, 9 * epoch + 10))
    arrays = trainer(lambda epoch: [list(range(9 * epoch + 1, 9 * epoch + 10))])
    for train in (from_1, arrays):
        with pytest.raises(
            StudyError, match=r"that it asked for is 1, and not 0, .* ask for schedule\(t - 1\)"
        ):
            run(train, 9)
        run(train, 9, "constant(0.1)")
    with pytest.raises(StudyError, match=r"ask for schedule\(t - 1\)"):
        run(from_1, 9, epochs=1)
    with pytest.raises(StudyError, match=r"asked for is 1, and not 0"):
        run(trainer(lambda epoch: [epoch + 1]), 1)
    with pytest.raises(
        StudyError,
        match=r"asked for is 9, and not 0, .*schedule\.at_epoch\(epoch\), with epoch counted from 0",
    ):
        run(trainer(lambda epoch: [9 * (epoch + 1)]), 9)
    run(trainer(lambda epoch: [9 * epoch + 4]), 9)  # the rate in the middle of each epoch


def test_an_update_that_begins_again_in_every_epoch_is_refused():
    with pytest.raises(StudyError, match="updates 0 to 8 again in epoch 2; count t over the whole run"):
        run(trainer(lambda epoch: range(9)), 9)


@pytest.mark.parametrize("asks", [lambda epoch: [0], lambda epoch: [0] if epoch == 0 else []])
def test_the_rate_of_update_0_alone_is_refused(asks):
    with pytest.raises(StudyError, match="the rate of update 0 only, so all schedules would train at"):
        run(trainer(asks), 9)
    run(trainer(asks), 9, "constant(0.1)")  # where all rates are the same, one is enough


def test_a_factor_that_a_metric_drives_needs_a_rate_an_epoch():
    spec = "constant(0.1) * plateau(factor=0.5, metric='accuracy')"
    run(trainer(lambda epoch: [0]), 9, spec)
    with pytest.raises(StudyError, match="update 0 only"):
        run(trainer(lambda epoch: [0] if epoch == 0 else []), 9, spec)


def test_rates_read_in_advance_cannot_be_counted_by_themselves():
    def reads(schedule, seed, report):
        for epoch in range(EPOCHS):
            report(0.5 + schedule.values[epoch])

    def lists(schedule, seed, report):
        rates = [schedule(t) for t in range(schedule.horizon)]
        for epoch in range(EPOCHS):
            report(0.5 + rates[epoch])

    for train in (reads, lists):
        curves, _ = run(train, 9)
        assert curves[0, 1:].tolist() != curves[0, 1:].tolist()  # nan


def torch_loop(schedule, seed, report, updates=9):
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    rates = schedule.values
    for epoch in range(EPOCHS):
        for t in range(updates * epoch, updates * (epoch + 1)):
            optimizer.param_groups[0]["lr"] = float(rates[min(t, len(rates) - 1)])
            optimizer.step()
        report(0.5)


def test_then_the_steps_of_pytorch_are_counted():
    pytest.importorskip("torch")
    import torch  # noqa: F401, imported before the run, as a module of a training function does

    assert run(torch_loop, 9)[0][0].tolist() == [9, 18, 27, 36]
    with pytest.raises(StudyError, match="made 18 updates in 2 epochs, 9 an epoch, and updates_per_epoch=12"):
        run(torch_loop, 12)


def test_the_adapter_for_pytorch_asks_one_ahead():
    pytest.importorskip("torch")

    def train(schedule, seed, report):
        import torch

        from stepsize.adapters.torch import TorchScheduler

        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        scheduler = TorchScheduler(optimizer, schedule)
        for _ in range(EPOCHS):
            for _ in range(9):
                optimizer.step()
                scheduler.step()
            report(0.5)

    assert run(train, 9)[0][0].tolist() == [10, 19, 28, 37]
    assert count_updates(train, CountRequest(EPOCHS, "accuracy"))[0] == 9
    with pytest.raises(StudyError, match="9 an epoch, and updates_per_epoch=12"):
        run(train, 12)


@pytest.mark.parametrize(
    ("train", "count"),
    [
        (EVERY_UPDATE, 9),
        (ONE_AHEAD, 9),
        (ONE_AN_EPOCH, 9),
        (trainer(lambda epoch: [0]), 0),
        (lambda schedule, seed, report: [report(schedule.values[0]) for _ in range(EPOCHS)], None),
    ],
)
def test_updates_are_counted_in_two_epochs(train, count):
    assert count_updates(train, CountRequest(EPOCHS, "accuracy"))[0] == count


def test_updates_that_nobody_says_are_counted_once(tmp_path):
    training = Training("tests.support.training_functions:quick", epochs=4)
    with pytest.raises(StudyError, match="updates_per_epoch of 'quick' is not known"):
        training.facts()
    with Store(tmp_path / "runs.sqlite") as store:
        assert with_counted_updates(training, store).updates_per_epoch == 2
        assert (NAME, 0) in store.runs(training.digest)
        store.add("other", [])
        kept = Run(NAME, 0, None, None, store.runs(training.digest)[NAME, 0].curves * 3)
        other = Training("tests.support.training_functions:loses", epochs=4)
        store.add(other.digest, [kept])
        assert with_counted_updates(other, store).updates_per_epoch == 6  # not counted again
    result = ss.compare(training, ["linear(0.1)"], 2, store=tmp_path / "runs.sqlite", quiet=True)
    assert result.answer["study"]["protocol"]["updates_per_epoch"] == 2
    with pytest.raises(
        StudyError, match=r"cannot be counted, since .*; give for example updates_per_epoch=9"
    ):
        ss.compare(
            Training("tests.support.training_functions:follows_values", epochs=4), ["linear(0.1)"], 2,
            store=":memory:", quiet=True,
        )  # fmt: skip


def test_one_run_is_made_twice_and_only_one_more():
    training = Training(EVERY_UPDATE, epochs=EPOCHS, updates_per_epoch=9)
    for schedules, name in (
        (["constant(0.1)", "cosine(0.1)"], "cosine(0.1)"),
        (["constant(lr)"], "constant(lr)"),
    ):
        study = make_study(training, schedules, 6)
        first, again = checked_jobs(study)
        assert first.candidate.name == name
        assert (again.seed, again.name) == (first.seed, first.name + AGAIN)
        runs = {}
        expected = total_runs(study)
        for stage in rounds(study, runs):
            assert not any(job.key in runs for job in stage.jobs)  # every run in one round only
            for job in stage.jobs:
                curves = run(EVERY_UPDATE, 9)[0]
                runs[job.key] = Run(job.name, job.seed, job.rate, None, curves)
        assert len(runs) == finished_runs(study, runs) == total_runs(study, runs)
        assert expected <= len(runs)


def keras_fit(schedule, seed, report):
    """Train by a schedule that is compiled with the model: the rates are read in advance."""
    import keras
    import numpy as np

    from stepsize.adapters.keras import KerasSchedule

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(KerasSchedule(schedule, accumulate=2), gradient_accumulation_steps=2)
    model.compile(optimizer, "mse")
    after_epoch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: report(0.5))
    ones = np.ones((12, 2), np.float32)
    model.fit(ones, ones[:, :1], batch_size=2, epochs=EPOCHS, verbose=0, callbacks=[after_epoch])


@pytest.mark.filterwarnings("ignore:an epoch of the plan has 6 updates")
def test_then_the_updates_of_keras_are_counted():
    for _ in range(2):  # a second run in the same process counts from 0 again
        assert run(keras_fit, 3)[0][0].tolist() == [3, 6, 9, 12]
    assert count_updates(keras_fit, CountRequest(EPOCHS, "accuracy"))[0] == 3
    with pytest.raises(StudyError, match="made 6 updates in 2 epochs, 3 an epoch, and updates_per_epoch=6"):
        run(keras_fit, 6)


def test_the_optimizer_of_a_fit_that_was_ended_while_compiling_is_not_counted():
    import keras
    import numpy as np

    from stepsize.adapters.keras import KerasSchedule, _updates_made

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    rate = KerasSchedule(ss.linear(0.1).plan(updates=9, updates_per_epoch=9))
    model.compile(keras.optimizers.SGD(rate), "mse")
    ones = np.ones((12, 2), np.float32)
    with pytest.raises(UserWarning, match="an epoch of the plan has 9 updates"):  # an error in these tests
        model.fit(ones, ones[:, :1], batch_size=2, verbose=0)
    assert isinstance(_updates_made(), dict)  # on JAX, its count has no value any more


def test_updates_that_nobody_can_count_are_reported():
    training = Training("tests.support.training_functions:follows_values", epochs=4, updates_per_epoch=2)
    answer = ss.compare(training, ["linear(0.1)"], 2, store=":memory:", quiet=True).answer
    assert any("its updates cannot be counted" in each and "2" in each for each in answer["warnings"])


def test_a_diverged_run_is_one_though_the_function_catches_its_end():
    def train(schedule, seed, report):
        for epoch in range(EPOCHS):
            schedule(epoch)
            try:
                report(float("nan") if epoch == 1 else 0.5)
            except BaseException:
                continue

    curves, diverged_at = run(train, 1, "constant(0.1)")
    assert diverged_at == 1
    assert curves[2, 2:].tolist() != curves[2, 2:].tolist()  # nan: nothing counts after it
