"""What the tests of the audit train with PyTorch: a tiny loop of epochs and batches."""

import torch

from stepsize.audit.torch import watch

EPOCHS, BATCHES = 5, 6
UPDATES = EPOCHS * BATCHES


def weight():
    return torch.nn.Parameter(torch.ones(2))


def sgd(rate=0.1, **options):
    return torch.optim.SGD([weight()], lr=rate, **options)


def train(optimizer, audit, batch=lambda: None, epoch=lambda: None, epochs=EPOCHS, group=None):
    """Train under an audit; `batch` and `epoch` are what the loop does after each."""
    with watch(optimizer, audit, group):
        for _ in range(epochs):
            for _ in range(BATCHES):
                update(optimizer)
                batch()
            epoch()
    return audit


def update(optimizer, scale=1.0):
    optimizer.zero_grad()
    (optimizer.param_groups[0]["params"][0] ** 2).sum().mul(scale).backward()
    optimizer.step()


def planned(schedule):
    return schedule.plan(epochs=EPOCHS, updates_per_epoch=BATCHES)


def found(audit):
    """What an audit names: the update, both values, and the causes."""
    return (*audit.first_difference, [cause.name for cause in audit.causes])
