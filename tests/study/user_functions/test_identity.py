"""A study whose function uses other data, or another loss, trains again; what nobody can tell is noted."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import stepsize as ss


def study(store, shift):
    loader = DataLoader(TensorDataset(torch.arange(8.0) + shift), batch_size=4)
    draws = np.random.default_rng(0)

    def train(schedule, seed, report):
        assert draws is not None
        for epoch in range(2):
            values = [float(batch.mean()) + schedule(2 * epoch + at) for at, (batch,) in enumerate(loader)]
            report(sum(values) + seed)

    training = ss.Training(train, epochs=2, updates_per_epoch=2, metric="val_loss", name="shifted")
    return ss.compare(training, ["constant(0.1)", "linear(0.1)"], seeds=5, store=store, quiet=True).answer


def test_other_rows_in_a_loader_are_another_study(tmp_path, one_process):
    first, again, other = (study(tmp_path / "s.sqlite", shift) for shift in (0.0, 0.0, 9.0))
    scores = [answer["candidates"][0]["mean"] for answer in (first, again, other)]
    assert scores[0] == scores[1] == pytest.approx(scores[2] - 18)
    fingerprints = [answer["study"]["fingerprint"] for answer in (first, again, other)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    assert [note for note in first["notes"] if "identifies" in note] == [
        "Data: 'draws' (Generator) is not part of what identifies the study; give the study another name if "
        "you change it."
    ]


class Branching(nn.Module):
    """A model that cannot be a population."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x):
        return self.layer(x) * (2 if x.sum() > 1e9 else 1)


def test_a_loss_that_encloses_a_module_counts_in_series():
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(40, 3)).astype("float32"), draws.normal(size=40).astype("float32")

    def problem(delta):
        huber = nn.HuberLoss(delta=delta)
        return ss.Problem(
            Branching, rows, loss=lambda o, y: huber(o, y), optimizer=torch.optim.SGD, epochs=1, batch_size=8
        )

    first, again, other = map(problem, (1.0, 1.0, 0.01))
    assert first.series
    assert first.digest == again.digest != other.digest
