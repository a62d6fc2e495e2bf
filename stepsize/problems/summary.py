"""A problem in a few words, for the prompt and for a notebook."""

from __future__ import annotations

from html import escape
from typing import Any

from stepsize.number_format import counted


class Summarised:
    """What shows a `Problem`: a line in the prompt, a small table in a notebook."""

    def __repr__(self) -> str:
        facts = summary(self)
        return f"Problem({facts.pop('name')!r}: {'; '.join(facts.values())})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td align="left">{escape(name)}</td><td align="left">{escape(value)}</td></tr>'
            for name, value in summary(self).items()
        )
        return f"<table>{rows}</table>"


def summary(problem: Any) -> dict[str, str]:
    """Return the facts of a problem that tell it from others, as text by name."""
    data, protocol = problem.data, problem.facts()["protocol"]
    classes = f" of {len(data.classes)} classes" if data.classes else ""
    optimizer = dict(protocol["optimizer"])
    name = optimizer.pop("name")
    settings = [f"{key}={value}" for key, value in optimizer.items()]
    if groups := protocol["optimizer_groups"]:
        settings.append(f"{counted(len(groups), 'group')} of parameters")
    updates = counted(protocol["updates_per_epoch"], "update")
    return {
        "name": problem.name,
        "model": protocol["model"],
        "data": f"{counted(data.rows, 'row')}{classes}, {data.kind}",
        "optimizer": f"{name}({', '.join(settings)})" if settings else name,
        "length": f"{counted(problem.epochs, 'epoch')} of {updates}, batches of {problem.batch_size}",
        "split": protocol["split"],
        "metric": protocol["metric"],
    }
