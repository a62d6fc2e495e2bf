"""Messages of the library in the words of the command line: `target="y"` becomes `--target y`."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Mapping

_ARGUMENT = re.compile(r"(?<!\w)(\w+)=(?!=)")
_QUOTED = re.compile(r"""(?<!\w)("[^"]*"|'[^']*')""")
_SWITCH = re.compile(r"(True|False)\b")
_LIST = re.compile(r"\[[^\[\]]*\]")


def in_options(message: str, options: Mapping[str, str]) -> str:
    """Return `message` with the arguments named in `options` written as options of a command.

    Text in quotes and arguments inside a call, such as `plateau(metric="loss")`, stay as they are.

    >>> in_options('say target="y" or drop=["id"]', {"target": "--target", "drop": "--drop"})
    'say --target y or --drop id'
    >>> in_options("header=True or header=False", {"header": "--header"})
    '--header or --no-header'
    >>> in_options('metric=3: write plateau(metric="loss")', {"metric": "--metric"})
    '--metric 3: write plateau(metric="loss")'
    """
    pieces: list[str] = []
    calls: list[bool] = []  # for each open bracket, whether it is that of a call
    position = 0
    while position < len(message):
        character = message[position]
        argument, quoted = _ARGUMENT.match(message, position), _QUOTED.match(message, position)
        if argument and argument[1] in options and not any(calls):
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
    values = _texts(several[0]) if several else []
    if several and values:
        return " ".join(f"{option} {shlex.quote(value)}" for value in values), several.end()
    return f"{option} ", start


def _texts(source: str) -> list[str]:
    """Return the items of a list of texts; none for any other list."""
    try:
        items = ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return []
    return items if all(isinstance(item, str) for item in items) else []
