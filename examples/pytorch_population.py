"""Four schedules for a PyTorch network with dropout and batch normalisation, over 30 seeds: a population.

Run it with `python examples/pytorch_population.py`. Instead, `pytorch_training.py` trains in its own loop.
"""

from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import nn

import stepsize as ss


class Net(nn.Module):
    """A network for the digits of scikit-learn."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.hidden(x))


if __name__ == "__main__":
    x, y = load_digits(return_X_y=True)
    problem = ss.Problem(
        model=Net,
        loss=nn.CrossEntropyLoss(label_smoothing=0.1),
        optimizer=partial(torch.optim.AdamW, weight_decay=0.01),
        data=(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)),
        epochs=20,
        batch_size=64,
        name="pytorch-digits",
    )
    schedules = [
        "constant(lr)",
        "cosine(lr)",
        "warmup(0.1*run) >> cosine(lr)",
        ss.Candidate("one_cycle(lr)", multipliers={"head": 0.3}, name="one cycle, slower head"),
    ]
    result = ss.compare(problem, schedules, seeds=30)
    print(result)
    result.report("stepsize-results/pytorch-digits.html")
