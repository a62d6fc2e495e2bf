"""What the runs of a study have in common, in the line below its title."""

from __future__ import annotations

from collections.abc import Sequence

from stepsize.number_format import counted
from stepsize.report.recipe import optimizer_text
from stepsize.verdict.answer import Answer


def subtitle(answer: Answer) -> str:
    """Return model, optimizer and lengths of the runs of a study, as ranges where candidates differ."""
    protocol, seeds = answer["study"]["protocol"], len(answer["study"]["seeds"])
    each = [{**protocol, **candidate["protocol"]} for candidate in answer["candidates"]]
    models = {one["model"] for one in each}
    model = models.pop() if len(models) == 1 else counted(len(models), "model")
    settings = [candidate["settings"] for candidate in answer["candidates"]]
    optimizers = {
        own.get("optimizer") or optimizer_text(one["optimizer"])
        for own, one in zip(settings, each, strict=True)
        if "optimizer" in own or one["optimizer"]
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


def _least_to(numbers: Sequence[int]) -> str:
    """Return the beginning of a range of numbers: nothing if all are the same."""
    return f"{min(numbers):,} to " if min(numbers) < max(numbers) else ""
