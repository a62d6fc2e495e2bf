"""The scheduler in a training loop of Lightning, which really trains."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as lightning
import pytest
import torch
from lightning.pytorch.tuner.tuning import Tuner

import stepsize as ss
from tests.support.torch_host import (
    BATCHES,
    CURVE,
    EPOCHS,
    assert_planned,
    loader,
    network,
    optimizer_and_scheduler,
)


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


def trainer_in(folder: Any, epochs: int = EPOCHS, **options: Any) -> lightning.Trainer:
    """Return a quiet trainer that writes nothing but into `folder`."""
    quiet = dict.fromkeys(["logger", "enable_progress_bar", "enable_model_summary"], False)
    return lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", default_root_dir=folder, **{**quiet, **options}
    )


def fit(module: Any, folder: Any, accumulate: int = 1, epochs: int = EPOCHS, **options: Any) -> Any:
    trainer = trainer_in(folder, epochs, accumulate_grad_batches=accumulate, enable_checkpointing=False)
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
        assert module.scheduler.mismatches == {"update without step": (EPOCHS - 1) * (BATCHES - 1)}

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
        trainer = trainer_in(tmp_path)
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
        trainer = trainer_in(tmp_path, enable_checkpointing=False, callbacks=[averaging])
        with pytest.warns(UserWarning, match="SWALR has taken over the rate"):
            trainer.fit(module, loader())
        assert_planned(module.rows[:BATCHES], module.scheduler.plan)
        assert module.rows[-BATCHES:] == [[pytest.approx(0.03)]] * BATCHES
