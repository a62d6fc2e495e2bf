"""An optimizer as text on the command line: `AdamW(weight_decay=0.01)`."""

from __future__ import annotations

import ast
from typing import Any

from stepsize.errors import StudyError


def read_optimizer(text: str | None) -> dict[str, Any] | None:
    """Return an optimizer as the table of a study file.

    >>> read_optimizer("AdamW(weight_decay=0.01)")
    {'name': 'AdamW', 'weight_decay': 0.01}
    >>> read_optimizer("adam")
    {'name': 'adam'}
    """
    if text is None:
        return None
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            return {"name": call.id}
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            arguments = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
            return {"name": call.func.id, **arguments}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        pass
    raise StudyError(
        f"--optimizer {text[:60]!r} must have a form such as 'AdamW' or 'AdamW(weight_decay=0.01)'"
    )
