"""The scheduler in training loops of others, which really train: Lightning, Trainer, Accelerate, skorch."""

from __future__ import annotations

import math
from typing import Any

import accelerate
import lightning.pytorch as lightning
import pytest
import skorch
import torch
import transformers
from lightning.pytorch.tuner.tuning import Tuner
from torch.utils.data import DataLoader, TensorDataset

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support.torch_host import CURVE, assert_planned, data, network, record

EPOCHS, SIZE = 3, 6  # 48 rows: 8 batches an epoch
BATCHES = 48 // SIZE


def optimizer_and_scheduler(
    model: torch.nn.Module, updates: int, curve: Any = CURVE, **options: Any
) -> tuple[torch.optim.Optimizer, TorchScheduler, list[list[float]]]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    scheduler = TorchScheduler(optimizer, curve.plan(updates=updates), **options)
    return optimizer, scheduler, record(optimizer)


def loader() -> DataLoader[Any]:
    return DataLoader(TensorDataset(*data()), batch_size=SIZE)


class Module(lightning.LightningModule):
    """A network whose scheduler Lightning drives."""

    def __init__(self, updates: int, interval: str = "step", curve: Any = CURVE, **options: Any) -> None:
        super().__init__()
        self.model, self.updates, self.interval = network(), updates, interval
        self.curve, self.scheduler_options = curve, options

    def training_step(self, batch: Any, index: int) -> Any:
        x, y = batch
        return ((self.model(x) - y) ** 2).mean()

    def configure_optimizers(self) -> Any:
        optimizer, self.scheduler, self.rows = optimizer_and_scheduler(
            self, self.updates, self.curve, **self.scheduler_options
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.scheduler, "interval": self.interval},
        }


class Watching(Module):
    """One that hands its validation loss over itself, so that Lightning's class checks do not matter."""

    def validation_step(self, batch: Any, index: int) -> None:
        x, y = batch
        self.log("val_loss", ((self.model(x) - y) ** 2).mean())

    def on_validation_epoch_end(self) -> None:
        if not self.trainer.sanity_checking:
            self.lr_schedulers().observe(self.trainer.callback_metrics["val_loss"])  # type: ignore[union-attr]


def fit(module: Any, folder: Any, accumulate: int = 1, epochs: int = EPOCHS, **options: Any) -> Any:
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accumulate_grad_batches=accumulate,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(module, loader(), **options)
    return trainer


@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")  # Lightning's own
class TestLightning:
    @pytest.mark.parametrize("accumulate", [1, 3])
    def test_every_update_has_the_planned_rate(self, accumulate: int, tmp_path: Any) -> None:
        updates = EPOCHS * math.ceil(BATCHES / accumulate)  # 8 = 3 + 3 + 2: the last window is a partial one
        module = Module(updates, strict=True)
        trainer = fit(module, tmp_path, accumulate)
        assert trainer.global_step == module.scheduler.update == len(module.rows) == updates
        assert_planned(module.rows, module.scheduler.plan)

    def test_the_wrong_interval_changes_no_rate_and_is_counted(self, tmp_path: Any) -> None:
        module = Module(EPOCHS * BATCHES, interval="epoch")
        fit(module, tmp_path)
        assert_planned(module.rows, module.scheduler.plan)
        assert module.scheduler.mismatches == {"update without step": EPOCHS * (BATCHES - 1)}

    def test_a_metric_is_handed_over_by_the_module(self, tmp_path: Any) -> None:
        curve = ss.constant(1e-9) * ss.plateau(factor=0.5, patience=0)  # so small that nothing improves
        module = Watching(EPOCHS * BATCHES, curve=curve, strict=True)
        fit(module, tmp_path, val_dataloaders=loader())
        rates = [1e-9, 1e-9, 0.5e-9]  # the first validation is the best so far
        assert module.rows == [[rate] for rate in rates for _ in range(BATCHES)]

    def test_a_checkpoint_goes_on_where_it_was(self, tmp_path: Any) -> None:
        whole, first, second = (Module(EPOCHS * BATCHES, strict=True) for _ in range(3))
        fit(whole, tmp_path)
        fit(first, tmp_path, epochs=1).save_checkpoint(tmp_path / "run.ckpt")
        fit(second, tmp_path, ckpt_path=tmp_path / "run.ckpt")
        assert first.rows + second.rows == whole.rows
        assert all(map(torch.equal, second.parameters(), whole.parameters()))

    def test_its_finder_tries_the_rates_that_it_says(self, tmp_path: Any) -> None:
        module = Module(EPOCHS * BATCHES, strict=True)
        trainer = lightning.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            default_root_dir=tmp_path,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        finder = Tuner(trainer).lr_find(
            module,
            loader(),
            min_lr=1e-5,
            max_lr=1e-2,
            num_training=6,
            early_stop_threshold=None,
            update_attr=False,
        )
        assert finder is not None
        assert [row[0] for row in module.rows] == pytest.approx(finder.results["lr"])
        assert (module.scheduler.update, module.scheduler.mismatches) == (0, {})
        trainer.fit(module, loader())
        assert_planned(module.rows, module.scheduler.plan)

    def test_its_weight_averaging_gets_its_own_rate(self, tmp_path: Any) -> None:
        module = Module(EPOCHS * BATCHES, interval="epoch")  # Lightning refuses to swap another
        averaging = lightning.callbacks.StochasticWeightAveraging(0.03, swa_epoch_start=1, annealing_epochs=1)
        trainer = lightning.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            default_root_dir=tmp_path,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            callbacks=[averaging],
        )
        with pytest.warns(UserWarning, match="SWALR has taken the rate over"):
            trainer.fit(module, loader())
        assert_planned(module.rows[:BATCHES], module.scheduler.plan)
        assert module.rows[-BATCHES:] == [[pytest.approx(0.03)]] * BATCHES


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


class Observe(transformers.TrainerCallback):
    """Hand the loss of every evaluation over, which Trainer does for its own classes only."""

    def on_evaluate(self, *_: Any, metrics: Any, lr_scheduler: Any, **__: Any) -> None:
        lr_scheduler.observe(metrics["eval_loss"])


def hugging_face(folder: Any, accumulate: int = 1, curve: Any = CURVE, **options: Any) -> Any:
    model = WithLoss()
    updates = EPOCHS * math.ceil(BATCHES / accumulate)
    optimizer, scheduler, rows = optimizer_and_scheduler(model, updates, curve, strict=True)
    arguments = transformers.TrainingArguments(
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
    trainer = transformers.Trainer(
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
