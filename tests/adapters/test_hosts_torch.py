"""The scheduler in training loops of others, which really train: Trainer, Accelerate, skorch."""

from __future__ import annotations

import math
from typing import Any

import accelerate
import pytest
import skorch
import torch
from transformers.trainer import Trainer
from transformers.trainer_callback import TrainerCallback
from transformers.training_args import TrainingArguments

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support.torch_host import (
    BATCHES,
    CURVE,
    EPOCHS,
    SIZE,
    assert_planned,
    data,
    loader,
    network,
    optimizer_and_scheduler,
    record,
)


class WithLoss(torch.nn.Module):
    """A network as Trainer wants it: it gives its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.model = network()

    def forward(self, x: Any, labels: Any) -> Any:
        return {"loss": ((self.model(x) - labels) ** 2).mean()}


class Rows(torch.utils.data.Dataset[Any]):
    def __len__(self) -> int:
        return 48

    def __getitem__(self, index: int) -> Any:
        x, y = data()
        return {"x": x[index], "labels": y[index]}


class Observe(TrainerCallback):
    """Hand the loss of every evaluation over, which Trainer does for its own classes only."""

    def on_evaluate(self, *_: Any, metrics: Any, lr_scheduler: Any, **__: Any) -> None:
        lr_scheduler.observe(metrics["eval_loss"])


def hugging_face(folder: Any, accumulate: int = 1, curve: Any = CURVE, **options: Any) -> Any:
    model = WithLoss()
    updates = EPOCHS * math.ceil(BATCHES / accumulate)
    optimizer, scheduler, rows = optimizer_and_scheduler(model, updates, curve, strict=True)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=SIZE,
        per_device_eval_batch_size=48,
        gradient_accumulation_steps=accumulate,
        report_to="none",
        use_cpu=True,
        logging_steps=1,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **{"save_strategy": "no", **options},
    )
    trainer = Trainer(
        model,
        arguments,
        train_dataset=Rows(),
        eval_dataset=Rows(),
        optimizers=(optimizer, scheduler),
        callbacks=[Observe] if curve is not CURVE else [],
    )
    return trainer, scheduler, rows


class TestTrainer:
    @pytest.mark.parametrize("accumulate", [1, 2, 3])
    def test_every_update_has_the_planned_rate_and_logs_it(self, accumulate: int, tmp_path: Any) -> None:
        trainer, scheduler, rows = hugging_face(tmp_path, accumulate)
        trainer.train()
        assert trainer.state.global_step == scheduler.update == len(rows) == scheduler.plan.horizon
        assert_planned(rows, scheduler.plan)
        logged = [[line["learning_rate"]] for line in trainer.state.log_history if "learning_rate" in line]
        assert logged == rows

    def test_a_metric_is_handed_over_by_a_callback(self, tmp_path: Any) -> None:
        curve = ss.constant(1e-9) * ss.plateau(factor=0.5, patience=0)
        trainer, _, rows = hugging_face(tmp_path, curve=curve, eval_strategy="epoch")
        trainer.train()
        assert rows == [[rate] for rate in [1e-9, 1e-9, 0.5e-9] for _ in range(BATCHES)]

    def test_a_checkpoint_goes_on_where_it_was(self, tmp_path: Any) -> None:
        trainer, scheduler, whole = hugging_face(tmp_path, save_strategy="steps", save_steps=10)
        trainer.train()
        again, resumed, rows = hugging_face(tmp_path)
        again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-10"))
        assert rows == whole[10:]
        assert resumed.state_dict() == scheduler.state_dict()
        assert all(map(torch.equal, again.model.parameters(), trainer.model.parameters()))


def accelerated(accumulate: int, updates: int, folder: Any = None, wrapped: bool = False) -> Any:
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    model, batches = network(), loader()
    if wrapped:  # built after prepare, on the wrapped optimizer
        optimizer = accelerator.prepare(torch.optim.SGD(model.parameters(), lr=0.1))
        scheduler: Any = TorchScheduler(optimizer, CURVE.plan(updates=updates), strict=True)
        own, rows = scheduler, record(optimizer.optimizer)
    else:
        optimizer, own, rows = optimizer_and_scheduler(model, updates, strict=True)
        optimizer, scheduler = accelerator.prepare(optimizer, own)
    model, batches = accelerator.prepare(model, batches)
    if folder:
        accelerator.load_state(folder)
    return accelerator, model, optimizer, batches, scheduler, own, rows


def loop(accelerator: Any, model: Any, optimizer: Any, batches: Any, scheduler: Any) -> None:
    for x, y in batches:
        with accelerator.accumulate(model):
            accelerator.backward(((model(x) - y) ** 2).mean())
            optimizer.step()
            if accelerator.sync_gradients or not isinstance(scheduler, TorchScheduler):
                scheduler.step()
            optimizer.zero_grad()


class TestAccelerate:
    @pytest.mark.parametrize("wrapped", [False, True])
    @pytest.mark.parametrize("accumulate", [1, 3])
    def test_every_update_has_the_planned_rate(self, accumulate: int, wrapped: bool) -> None:
        updates = EPOCHS * math.ceil(BATCHES / accumulate)
        *parts, own, rows = accelerated(accumulate, updates, wrapped=wrapped)
        for _ in range(EPOCHS):
            loop(*parts)
        assert own.update == len(rows) == updates
        assert_planned(rows, own.plan)

    def test_the_steps_of_several_processes_are_one_update(self, monkeypatch: Any) -> None:
        *parts, own, rows = accelerated(1, BATCHES)
        own.strict = False
        shared = accelerate.state.AcceleratorState._shared_state
        monkeypatch.setitem(shared, "num_processes", 4)
        partial_state = accelerate.state.PartialState._shared_state
        monkeypatch.setitem(partial_state, "num_processes", 4)
        parts[-1].split_batches = False
        loop(*parts)
        assert_planned(rows, own.plan)
        assert own.mismatches == {"step without update": 3 * BATCHES}

    def test_a_saved_state_goes_on_where_it_was(self, tmp_path: Any) -> None:
        *whole, _, rows = accelerated(1, 2 * BATCHES)
        loop(*whole)
        whole[0].save_state(str(tmp_path))
        loop(*whole)
        *second, own, again = accelerated(1, 2 * BATCHES, folder=str(tmp_path))
        loop(*second)
        assert rows[BATCHES:] == again
        assert own.update == 2 * BATCHES
        assert all(map(torch.equal, second[1].parameters(), whole[1].parameters()))


class TestSkorch:
    def test_every_update_has_the_planned_rate(self) -> None:
        plan, kept = CURVE.plan(updates=EPOCHS * BATCHES), []

        def policy(optimizer: Any, last_epoch: int) -> TorchScheduler:  # skorch counts epochs for it
            kept.append((TorchScheduler(optimizer, plan, strict=True), record(optimizer)))
            return kept[-1][0]

        net = skorch.NeuralNetRegressor(
            network,
            max_epochs=EPOCHS,
            batch_size=SIZE,
            train_split=None,
            verbose=0,
            callbacks=[skorch.callbacks.LRScheduler(policy, step_every="batch")],
        )
        for _ in range(2):  # each fit begins anew
            net.fit(*data())
        assert len(kept) == 2
        for scheduler, rows in kept:
            assert scheduler.update == len(rows) == plan.horizon
            assert_planned(rows, plan)
        logged = [batch["event_lr"] for epoch in net.history for batch in epoch["batches"]]
        assert [[rate] for rate in logged] == kept[-1][1]
        with pytest.raises(ScheduleError, match="already has a TorchScheduler"):
            net.partial_fit(*data())  # it would build a second one on the same optimizer
