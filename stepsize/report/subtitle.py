"""What the runs of a study have in common, in the line below its title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stepsize.number_format import counted
from stepsize.report.recipe import optimizer_text
from stepsize.verdict.answer import Answer


def subtitle(answer: Answer) -> str:
    """Return model, optimizer and lengths of the runs of a study, as ranges where candidates differ."""
    protocol, seeds = answer["study"]["protocol"], len(answer["study"]["seeds"])
    each = [{**protocol, **candidate["protocol"]} for candidate in answer["candidates"]]
    models = {one["model"] for one in each}
    model = models.pop() if len(models) == 1 else counted(len(models), "model")
    named = [candidate["settings"].get("optimizer") for candidate in answer["candidates"]]
    optimizers = {
        _optimizer(one["optimizer"], name)
        for name, one in zip(named, each, strict=True)
        if name is not None or one["optimizer"]
    }
    several = counted(len(optimizers), "optimizer")
    parts = [model, *(optimizers if len(optimizers) < 2 else [several])]
    sizes, epochs, updates = (
        [one[key] for one in each] for key in ("batch_size", "epochs", "updates_per_epoch")
    )
    if None not in sizes:
        parts.append(f"batches of {_least_to(sizes)}{max(sizes):,}")
    lengths = f"{_least_to(epochs)}{counted(max(epochs), 'epoch')}"
    parts.append(f"{lengths} × {_least_to(updates)}{counted(max(updates), 'update')}")
    return " · ".join([*parts, counted(seeds, "seed")])


def _optimizer(optimizer: Mapping[str, Any], named: Any) -> str:
    """Return the optimizer of a candidate, `named` if its settings do, without its other settings."""
    is_own = named is not None and str(named).lower() != str(optimizer.get("name")).lower()
    return str(named) if is_own else optimizer_text(optimizer)


def _least_to(numbers: Sequence[int]) -> str:
    """Return the beginning of a range of numbers: nothing if all are the same."""
    return f"{min(numbers):,} to " if min(numbers) < max(numbers) else ""
