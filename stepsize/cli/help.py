"""The help of the commands: options and commands grouped by what people look for."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

from stepsize.errors import InputError

OTHERS = "Options"


class Command(TyperCommand):
    """A command whose help lists its options by their panel."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed; say how to write arguments that are one too many.

        Raises: InputError for such arguments.
        """
        ctx.allow_extra_args = True
        extra = super().parse_args(ctx, args)
        if extra and not ctx.resilient_parsing:
            takes_schedules = any("--schedule" in parameter.opts for parameter in self.params)
            raise InputError(_unexpected(extra, f"stepsize {self.name} --help", takes_schedules))
        return extra

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and then the options of each panel; those without one come last."""
        records: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            panel = getattr(parameter, "rich_help_panel", None)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                records["Arguments"].append(record)
            elif panel is None:
                others.append(record)
            else:
                records.setdefault(panel, []).append(record)
        _write({**records, OTHERS: others}, formatter)


def _unexpected(extra: Sequence[str], manual: str, takes_schedules: bool) -> str:
    """Return what to write instead of arguments that are one too many."""
    words = shlex.join(extra)
    if takes_schedules and all(map(_is_schedule, extra)):
        options = " ".join(f"-s {shlex.quote(text)}" for text in extra)
        return f"unexpected {words}; write a schedule as an option: {options}"
    return f"unexpected {words}; only options may follow, see {manual}"


def _is_schedule(text: str) -> bool:
    """Return whether a text is a schedule."""
    from stepsize.schedules import parse

    try:
        parse(text)
    except InputError:
        return False
    return True


class Group(TyperGroup):
    """A group whose help lists its commands by their panel."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands of each panel, in the order in which they were added."""
        commands: dict[str, Any] = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        room = formatter.width - 6 - max(map(len, commands))
        records: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands.items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            records.setdefault(panel, []).append((name, command.get_short_help_str(room)))
        _write(records, formatter)


def _write(records: dict[str, list[tuple[str, str]]], formatter: Any) -> None:
    for title, rows in records.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def examples(*commands: str) -> str:
    """Return examples as the end of a help text, each on a line of its own."""
    return "\n".join(["Examples:", "", "\b", *(f"  {command}" for command in commands)])


def problem_names(incomplete: str) -> Iterable[str]:
    """Return the built-in problems that begin with what was typed, for the completion of a shell."""
    from stepsize.problems.built_in import BUILT_IN

    return [name for name in BUILT_IN if name.startswith(incomplete)]


def targets(incomplete: str) -> Iterable[str]:
    """Return the targets of an export that begin with what was typed."""
    from stepsize.export import TARGETS

    return [name for name in TARGETS if name.startswith(incomplete)]
