"""The audit beside transformers' Trainer: its own scheduler, ours, and the two together."""

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers.trainer import Trainer
from transformers.trainer_callback import TrainerCallback
from transformers.training_args import TrainingArguments

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.audit import Audit
from stepsize.audit.torch import watch
from stepsize.dialects import from_transformers
from stepsize.errors import AuditError

EPOCHS, BATCHES = 3, 8
UPDATES = EPOCHS * BATCHES
PLAN = ss.cosine(0.1).plan(epochs=EPOCHS, updates_per_epoch=BATCHES)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
]


class Line(torch.nn.Module):
    """The smallest model that Trainer trains: it returns its loss."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x, labels):
        return {"loss": ((x * self.weight - labels) ** 2).mean()}


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 2 * BATCHES

    def __getitem__(self, index):
        return {"x": torch.tensor([float(index)]) / 10, "labels": torch.zeros(1)}


class Step(TrainerCallback):
    """Step a scheduler after the optimizer and before Trainer steps its own; or after both."""

    def __init__(self, scheduler, last):
        self.step, self.last = scheduler.step, last

    def on_optimizer_step(self, *args, **kwargs):
        if not self.last:
            self.step()

    def on_step_end(self, *args, **kwargs):
        if self.last:
            self.step()


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def ours(optimizer):
    return LambdaLR(optimizer, lambda step: PLAN(step) / 0.1)


def train(folder, audit, model, optimizer, scheduler=None, callbacks=(), **options):
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=2,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
        max_grad_norm=0.0,
        **options,
    )
    trainer = Trainer(
        model, arguments, train_dataset=Rows(), optimizers=(optimizer, scheduler), callbacks=list(callbacks)
    )
    with watch(optimizer, audit):
        trainer.train()
    return audit


def found(audit):
    """What an audit names: the update, both values, and the causes."""
    update, plan, applied = audit.first_difference
    return update, plan, pytest.approx(applied), [cause.name for cause in audit.causes]


@pytest.mark.parametrize(("accumulated", "updates"), [(1, UPDATES), (2, UPDATES // 2)])
def test_our_plan_as_trainers_scheduler(tmp_path, accumulated, updates):
    model = Line()
    optimizer = sgd(model)
    audit = Audit(PLAN, strict=True)
    train(tmp_path, audit, model, optimizer, ours(optimizer), gradient_accumulation_steps=accumulated)
    assert audit.update == updates


def test_trainers_own_scheduler_does_what_it_says(tmp_path):
    model = Line()
    schedule = from_transformers("linear", peak=0.1, num_warmup_steps=4, num_training_steps=UPDATES)
    audit = Audit(schedule.plan(updates=UPDATES), strict=True)
    assert train(tmp_path, audit, model, sgd(model), warmup_steps=4).update == UPDATES


def test_trainers_own_scheduler_beside_ours_overwrites_it(tmp_path):
    model = Line()
    optimizer = sgd(model)
    callbacks = [Step(ours(optimizer), last=False)]
    audit = train(tmp_path, Audit(PLAN), model, optimizer, callbacks=callbacks)
    assert found(audit) == (1, PLAN(1), 0.1 * (1 - 1 / UPDATES), ["another schedule"])
    assert audit.cause == (
        "the rate falls on a straight line, to 0 at update 24, as under the usual scheduler of transformers' "
        "Trainer: another scheduler sets the rate, and the plan's is lost"
    )


def test_trainers_own_scheduler_with_a_warmup_is_known_too(tmp_path):
    model = Line()
    optimizer = sgd(model)
    callbacks = [Step(ours(optimizer), last=False)]
    audit = train(tmp_path, Audit(PLAN), model, optimizer, callbacks=callbacks, warmup_steps=4)
    assert found(audit) == (0, 0.1, 0.0, ["another schedule"])
    assert "climbs to update 4 and falls on a straight line, to 0 at update 24" in audit.cause


def test_ours_after_trainers_own_has_the_last_word(tmp_path):
    model = Line()
    optimizer = sgd(model)
    callbacks = [Step(ours(optimizer), last=True)]
    assert train(tmp_path, Audit(PLAN, strict=True), model, optimizer, callbacks=callbacks).update == UPDATES


def test_the_adapter_keeps_trainers_own_scheduler_out(tmp_path):
    model = Line()
    optimizer = sgd(model)
    TorchScheduler(optimizer, PLAN)
    with pytest.warns(UserWarning, match="another scheduler or a callback writes it too"):
        audit = train(tmp_path, Audit(PLAN, strict=True), model, optimizer)
    assert audit.update == UPDATES


def test_the_strict_audit_stops_trainer(tmp_path):
    model = Line()
    audit = Audit(PLAN, strict=True)
    with pytest.raises(AuditError, match=r"Update 1 used the rate 0.0958333 instead of 0.0995722"):
        train(tmp_path, audit, model, sgd(model))
