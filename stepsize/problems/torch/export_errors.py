"""The errors of an export in one sentence each, with the line of the user's code and what to do instead."""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import torch

from stepsize.errors import NoPopulation, ProblemError, first_line

PYTORCH = Path(torch.__file__).parent
PACKAGE = Path(__file__).parents[2]


@contextmanager
def explained() -> Iterator[None]:
    """Turn the errors of an export into one sentence each, and leave out what it prints meanwhile."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    except NoPopulation as error:
        raise NoPopulation(f"{line_of(error)}{error}") from error
    except ProblemError:
        raise
    except Exception as error:
        raise NoPopulation(_sentence(error)) from error
    finally:
        logging.disable(disabled)


def line_of(error: BaseException) -> str:
    """Return the line of the user's code in which an error was raised, or nothing if none is known."""
    frames = traceback.extract_tb(error.__traceback__)
    user_frames = [frame for frame in frames if not {PYTORCH, PACKAGE} & set(Path(frame.filename).parents)]
    user_frames = [
        frame for frame in user_frames if frame.line and Path(frame.filename).suffix in (".py", "")
    ]
    if not user_frames:
        return ""
    return f"{Path(user_frames[-1].filename).name}, line {user_frames[-1].lineno}, {user_frames[-1].line!r}: "


def _sentence(error: Exception) -> str:
    text, place = str(error), line_of(error)
    names = ("GuardOnDataDependentSymNode", "UserError")
    if type(error).__name__ in names and "data-dependent" in text.lower():
        return (
            f"{place}the graph depends on its data, as an `if` on a tensor's value or `.item()` does "
            "(torch.where would not)"
        )
    if "onstraints violated" in text or "specialized" in text:
        return (
            f"{place}the graph is of one batch size only (x.shape[0] instead of a number, or -1 in view and "
            "reshape, would do for all)"
        )
    return f"{place}PyTorch cannot export the model: {type(error).__name__}: {first_line(error)}"
