"""The parts of an exported file, and the checks of whether a library has the same schedule."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from stepsize.export.optimizers import OptimizerCode
from stepsize.export.parameter_groups import with_groups
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import comment
from stepsize.schedules.operators import planned_part

COLUMNS = 88  # of a comment
FEW = 16
"""How often a rate may be multiplied in float32 before rounding errors show."""


class Unfit(Exception):
    """A library has no schedule of its own with these rates."""


@dataclass(frozen=True)
class Module:
    """The parts of an exported file: how to use it, imports, code, and what it calls of the library."""

    use: str
    imports: str
    code: str
    call: str = ""

    def text(self, plan: Plan) -> str:
        """Return the file, which begins with what it is and how to use it."""
        epochs = f", {plan.updates_per_epoch} an epoch" if plan.updates_per_epoch else ""
        run = f"# The run has {plan.horizon} updates (steps of the optimizer){epochs}, counted from 0."
        after = (
            [f"# Past its end, {self.call} sets rates that are not part of this schedule."]
            if self.call
            else []
        )
        use = ["#", "# Use:", *(f"#     {line}" for line in self.use.splitlines())] if self.use else []
        head = "\n".join([comment(plan.schedule), run, *after, *use])
        gap = "\n\n\n" if self.code.startswith(("def ", "# ")) else "\n\n"
        return gap.join(["\n\n".join(filter(None, [head, self.imports])), self.code]) + "\n"

    def with_optimizer(self, library: str, make: Callable[[str], OptimizerCode]) -> Module:
        """Return the file with the optimizer and the lines that use it, in place of how to use it.

        `make` returns the optimizer with the arguments that the schedule needs before its settings; `library`
        is the module that the optimizer comes from.
        """
        first, *rest = self.use.splitlines()
        known = re.fullmatch(r"optimizer = [\w.]+\((.*)\)", first)
        if known is None:  # plain Python has no optimizers
            return self
        optimizer = make(known[1])
        lines = [line for text in optimizer.comments for line in commented(text)]
        if optimizer.call is None:
            lines.append(f"# {first}")
        elif optimizer.groups:
            lines.append(with_groups(optimizer.call, optimizer.groups))
        else:
            lines.append(f"optimizer = {laid_out(optimizer.call, '')}")
        lines += [line if _runs(line) and optimizer.call else f"# {line}" for line in rest]
        imports = self.imports
        if f"import {library}" not in imports.splitlines():
            imports = "\n".join(filter(None, [f"import {library}", imports]))
        gap = "\n\n\n" if self.code.rsplit("\n", 1)[-1].startswith(" ") else "\n"
        return replace(self, use="", imports=imports, code=self.code + gap + "\n".join(lines))


def commented(text: str) -> list[str]:
    """Return a text as lines of comments."""
    return [f"# {line}" for line in textwrap.wrap(text, COLUMNS)]


def _runs(line: str) -> bool:
    """Return whether a line of the instructions is code as it stands, and not a pattern to fill in."""
    try:
        ast.parse(line)
    except SyntaxError:
        return False
    return "..." not in line


def integer(value: float) -> int:
    """Return a number that has no fraction; raise Unfit for others."""
    require_exact(float(value).is_integer())
    return int(value)


def require_exact(condition: bool) -> None:
    """Raise Unfit unless a condition holds under which the library's schedule is exact."""
    if not condition:
        raise Unfit


@dataclass(frozen=True)
class Piece:
    """A schedule with the clock it knows, the updates it lasts, and the last of them that the run has."""

    schedule: Schedule
    clock: Clock
    lasts: float
    last: float

    @property
    def phase(self) -> int:
        """The updates from its first value to its end value."""
        return integer(self.lasts - getattr(self.schedule, "closed", False))

    def require_unbounded(self) -> None:
        """Raise Unfit unless its values continue to the end of the run."""
        require_exact(self.lasts > self.last)


def piece(schedule: Schedule, clock: Clock) -> Piece:
    """Return a schedule that has all the updates of a clock."""
    duration = schedule.duration(clock)
    return Piece(schedule, clock, clock.horizon if duration is None else duration, clock.horizon - 1)


def whole_run(plan: Plan) -> tuple[Schedule, Clock]:
    """Return the planned schedule and its clock, if its end value holds after the run."""
    require_exact(plan.after == "hold")
    return planned_part(plan.schedule), Clock(plan.horizon, plan.horizon, plan.updates_per_epoch)


def regular_times(schedule: Any, at: Piece) -> list[float]:
    """Return the times at which a schedule drops in the run, if those are few."""
    every = integer(at.clock.period("every", schedule.every))
    require_exact(at.last <= FEW * every)
    return [float(time) for time in range(every, int(at.last) + 1, every)]


def decimal(value: float) -> str:
    """Return a number with a point: Keras takes the type of all its numbers from the first rate.

    >>> decimal(1), decimal(0.1)
    ('1.0', '0.1')
    """
    return repr(float(value))


def quoted(text: str) -> str:
    """Return a text between quotes; the names in a schedule contain no quotes or backslashes."""
    return f'"{text}"'


def laid_out(call: str, indent: str = "    ") -> str:
    """Return a call, over several lines if it is long.

    >>> laid_out("f(x, y=2)")
    'f(x, y=2)'
    """
    if len(call) <= 88:
        return call
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    parts = [ast.get_source_segment(call, part) for part in (*tree.args, *tree.keywords)]
    name = ast.get_source_segment(call, tree.func)
    return "\n".join([f"{name}(", *(f"{indent}    {part}," for part in parts), f"{indent})"])
