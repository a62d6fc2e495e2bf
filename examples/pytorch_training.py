"""Five schedules for a training loop in PyTorch, over ten seeds: which one, and is it shown?

Run it with `python examples/pytorch_training.py`, or compare its function from the command line:
`stepsize compare pytorch_training:train --epochs 20 --updates-per-epoch 4 --seeds 10` in this folder.
"""

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn

EPOCHS, BATCH = 20, 32
X, Y = load_wine(return_X_y=True)


def train(schedule, seed, report):
    """Train one network; everything random comes from `seed`."""
    torch.manual_seed(seed)
    x, x_valid, y, y_valid = train_test_split(X, Y, test_size=0.3, random_state=seed, stratify=Y)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    x, x_valid = (torch.tensor((part - mean) / spread, dtype=torch.float32) for part in (x, x_valid))
    y, y_valid = torch.tensor(y), torch.tensor(y_valid)
    model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=schedule(0), momentum=0.9)
    loss_of = nn.CrossEntropyLoss()
    update = 0
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            optimizer.param_groups[0]["lr"] = schedule(update)
            optimizer.zero_grad()
            loss = loss_of(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            update += 1
        with torch.no_grad():
            answer = model(x_valid)
            accuracy = (answer.argmax(dim=1) == y_valid).float().mean()
            report(accuracy, loss=loss, val_loss=loss_of(answer, y_valid))


if __name__ == "__main__":
    import stepsize as ss
    from stepsize import epochs

    rows = int(np.ceil(0.7 * len(X)))
    training = ss.Training(train, epochs=EPOCHS, updates_per_epoch=-(-rows // BATCH), name="pytorch-wine")
    schedules = [
        "constant(0.1)",
        ss.cosine(0.1),
        ss.warmup(3 * epochs) >> ss.cosine(0.1),
        ss.step_decay(0.1, factor=0.5, every=5 * epochs),
        ss.constant(0.1) * ss.plateau(factor=0.5, patience=2),
    ]
    result = ss.compare(training, schedules, seeds=10)
    print(result)
    result.report("stepsize-results/pytorch-wine.html")
