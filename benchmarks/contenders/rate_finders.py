"""One finder of learning rates on a network in PyTorch.

    python rate_finders.py FINDER DATA OPTIMIZER UPDATES SEEDS

DATA is a file of `range_tests.py` with the rows, the widths of the network and the batch size. The finders
are stepsize's, fastai's `Learner.lr_find` and torch-lr-finder's `LRFinder`, the last two as they come, with
the number of updates that is asked for. Prints what each suggests for every seed, as JSON.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
import warnings
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

RATE = 1e-3  # of the optimizer before the test; no finder uses it


def network(widths: list[int]) -> nn.Sequential:
    """Return the network of a text model of stepsize, with the same initial weights in distribution."""
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        nn.init.xavier_uniform_(layers[-2].weight)
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1])


def torch_optimizer(name: str, model: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer of PyTorch."""
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=RATE, eps=1e-7)
    return torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9 if name == "momentum" else 0.0)


def ours(model: nn.Module, loss: nn.Module, loader: DataLoader, optimizer: str, updates: int) -> dict:
    """Return the suggestions of a range test, or its status."""
    import stepsize as ss
    from stepsize.range_test.torch import TorchStep

    result = ss.find(TorchStep(model, torch_optimizer(optimizer, model), loss, loader), updates=updates)
    return {"answer": result.best, "status": result.status} | result.answer["suggestions"]


def fastai(model: nn.Module, loss: nn.Module, loader: DataLoader, optimizer: str, updates: int) -> dict:
    """Return the suggestions of `Learner.lr_find`; its answer is that of `valley`, the default."""
    from fastai.callback.schedule import minimum, slide, steep, valley
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import SGD, Adam

    kinds = {
        "sgd": SGD,
        "momentum": partial(SGD, mom=0.9),
        "adam": partial(Adam, sqr_mom=0.999, eps=1e-7, wd=0),
    }
    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(DataLoaders(loader, loader), model, loss, opt_func=kinds[optimizer], path=folder)
        with learner.no_bar(), learner.no_logging():
            rates = learner.lr_find(
                num_it=updates, suggest_funcs=(valley, minimum, steep, slide), show_plot=False
            )
    rules = ("valley", "minimum / 10", "steepest", "slide")
    found = {name: _number(rate) for name, rate in zip(rules, rates, strict=True)}
    return {"answer": found["valley"], "status": "none"} | found


def torch_lr_finder(
    model: nn.Module, loss: nn.Module, loader: DataLoader, optimizer: str, updates: int
) -> dict:
    """Return the suggestion of `LRFinder.plot`: the steepest gradient."""
    import matplotlib

    matplotlib.use("Agg")
    from torch_lr_finder import LRFinder

    made = torch_optimizer(optimizer, model)
    for group in made.param_groups:
        group["lr"] = 1e-6  # it begins with the optimizer's own rate
    finder = LRFinder(model, made, loss)
    finder.range_test(loader, end_lr=10, num_iter=updates)
    figure, axes = matplotlib.pyplot.subplots()
    chosen = finder.plot(ax=axes)
    matplotlib.pyplot.close(figure)
    rate = _number(chosen[1]) if isinstance(chosen, tuple) else None
    return {"answer": rate, "status": "none", "steepest": rate}


FINDERS = {"stepsize": ours, "fastai": fastai, "torch-lr-finder": torch_lr_finder}


def _number(value: object) -> float | None:
    if value is None:
        return None
    number = float(value)  # type: ignore[arg-type]
    return number if np.isfinite(number) else None


def main(finder: str, path: str, optimizer: str, updates: str, seeds: str) -> None:
    """Run one finder for every seed."""
    data = np.load(path)
    is_class = data["y"].dtype.kind in "iu"
    x = torch.tensor(data["x"], dtype=torch.float32)
    y = torch.tensor(data["y"]).long() if is_class else torch.tensor(data["y"], dtype=torch.float32)[:, None]
    loss = nn.CrossEntropyLoss() if is_class else nn.MSELoss()
    results, start = [], time.perf_counter()
    for seed in range(int(seeds)):
        torch.manual_seed(seed)
        np.random.seed(seed)
        model = network([int(width) for width in data["widths"]])
        loader = DataLoader(TensorDataset(x, y), int(data["batch_size"]), shuffle=True, drop_last=True)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                results.append(FINDERS[finder](model, loss, loader, optimizer, int(updates)))
        except Exception as error:  # what a finder raises counts as no answer
            results.append({"answer": None, "status": f"{type(error).__name__}: {error}"[:100]})
    seconds = (time.perf_counter() - start) / int(seeds)
    print(json.dumps({"results": results, "seconds": seconds}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main(*sys.argv[1:])
