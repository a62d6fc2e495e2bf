"""Messages of the library in the words of the command line: `target="y"` becomes `--target y`."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_type_hints

from typer.models import OptionInfo

if TYPE_CHECKING:
    from stepsize.result import Result

_ARGUMENT = re.compile(r"(?<!\w)(\w+)=(?!=)")
_QUOTED = re.compile(r"""(?<!\w)("[^"]*"|'[^']*')""")
_SWITCH = re.compile(r"(True|False)\b")
_LIST = re.compile(r"\[[^\[\]]*\]")
_TABLE = re.compile(r"\{(\"\w+\": \[[\w., \"]+\](, )?)+\}")  # of ranges
_MODES = {"True": "max", "False": "min"}  # what `higher_is_better` is on the command line


def options_of(command: Callable[..., Any]) -> dict[str, str]:
    """Return the options of a command, by the name of its argument."""
    options = {}
    for name, hint in get_type_hints(command, include_extras=True).items():
        for option in getattr(hint, "__metadata__", ()):
            if isinstance(option, OptionInfo):
                declared = (option.default, *(option.param_decls or ()))  # as typer reads an Annotated
                spellings = [str(each).partition("/")[0] for each in declared if str(each).startswith("-")]
                options[name] = max(spellings, key=len, default=f"--{name.replace('_', '-')}")
    return options


def typed_options(command: Callable[..., Any], words: Sequence[str]) -> dict[str, str]:
    """Return the options by which messages name the arguments of a command that was typed as `words`.

    With a study file these are only the options that were typed; the other arguments are keys of the file.
    """
    options = options_of(command)
    if not any(word.lower().endswith(".toml") for word in words):
        return options
    typed = {word.partition("=")[0] for word in words}
    return {name: option for name, option in options.items() if option in typed}


def result_in_options(result: Result, command: Callable[..., Any]) -> Result:
    """Return the result of a study that was run from the command line, with its messages in options.

    What candidates have as settings of their own stays as it is, as in their names.
    """
    answer = result.answer
    if not answer["study"]["command"].startswith("stepsize "):
        return result
    own = {name for candidate in answer["candidates"] for name in candidate["settings"]}
    typed = typed_options(command, shlex.split(answer["study"]["command"]))
    options = {name: option for name, option in typed.items() if name not in own}

    def translated(texts: Sequence[str]) -> list[str]:
        return [in_options(text, options) for text in texts]

    notes, warnings = translated(answer["notes"]), translated(answer["warnings"])
    verdict = {**answer["verdict"], "for_scale": translated(answer["verdict"]["for_scale"])}
    return replace(result, answer={**answer, "verdict": verdict, "notes": notes, "warnings": warnings})


def shared_words(words: Sequence[str], own: Collection[str], switches: Collection[str]) -> list[str]:
    """Return the words of a command line without the options in `own`; those in `switches` take no value.

    >>> shared_words(["table.csv", "--port", "8000", "--no-open", "--target", "y"], {"--port"}, {"--no-open"})
    ['table.csv', '--target', 'y']
    """
    kept, skip = [], False
    for word in words:
        option, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif option in own or option in switches:
            skip = not equals and option not in switches
        else:
            kept.append(word)
    return kept


def in_options(message: str, options: Mapping[str, str]) -> str:
    """Return `message` with the arguments named in `options` written as options of a command.

    Text in quotes and arguments inside a call, such as `plateau(metric="loss")`, stay as they are.

    >>> in_options('say target="y" or drop=["id"]', {"target": "--target", "drop": "--drop"})
    'say --target y or --drop id'
    >>> in_options("header=True or header=False", {"header": "--header"})
    '--header or --no-header'
    >>> in_options('knobs={"w": [0, 0.3], "f": [0.1, 1, "log"]}', {"knobs": "--knob"})
    '--knob w=0,0.3 --knob f=0.1,1,log'
    >>> in_options("higher_is_better=True, which is the default", {"mode": "--mode"})
    '--mode max, which is the default'
    >>> in_options('metric=3: write plateau(metric="loss")', {"metric": "--metric"})
    '--metric 3: write plateau(metric="loss")'
    """
    pieces: list[str] = []
    calls: list[bool] = []  # for each open bracket, whether it is that of a call
    position = 0
    while position < len(message):
        character = message[position]
        argument, quoted = _ARGUMENT.match(message, position), _QUOTED.match(message, position)
        switch = None if argument is None else _SWITCH.match(message, argument.end())
        if argument and switch and argument[1] == "higher_is_better":
            mode = _MODES[switch[0]]
            text, position = (
                f"{options['mode']} {mode}" if "mode" in options else f"mode={mode!r}",
                switch.end(),
            )
        elif argument and argument[1] in options and not any(calls):
            text, position = _option(message, argument.end(), options[argument[1]])
        elif argument or quoted:
            text = (argument or quoted)[0]  # type: ignore[index]
            position += len(text)
        else:
            if character in "([{":
                calls.append(bool(re.search(r"\w\($", message[: position + 1])))
            elif character in ")]}" and calls:
                calls.pop()
            text, position = character, position + 1
        pieces.append(text)
    return "".join(pieces)


def _option(message: str, start: int, option: str) -> tuple[str, int]:
    """Return the text of an option whose value starts at `start`, and where the message continues."""
    quoted, several = _QUOTED.match(message, start), _LIST.match(message, start)
    switch = _SWITCH.match(message, start)
    if switch:
        return option if switch[0] == "True" else option.replace("--", "--no-", 1), switch.end()
    if quoted:
        return f"{option} {shlex.quote(quoted[0][1:-1])}", quoted.end()
    if table := _TABLE.match(message, start):
        ranges = ast.literal_eval(table[0]).items()
        words = (shlex.quote(f"{name}={','.join(map(str, ends))}") for name, ends in ranges)
        return " ".join(f"{option} {word}" for word in words), table.end()
    values = _items(several[0]) if several else []
    if several and values:
        return " ".join(f"{option} {shlex.quote(value)}" for value in values), several.end()
    return f"{option} ", start


def _items(source: str) -> list[str]:
    """Return the items of a list of texts or numbers; none for any other list."""
    try:
        items = ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return []
    return [str(item) for item in items] if all(isinstance(item, str | float) for item in items) else []
