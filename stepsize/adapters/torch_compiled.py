"""Functions that torch.compile leaves out of the code that it compiles around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch._C._dynamo.eval_frame import get_eval_frame_callback
from torch.compiler import disable, is_dynamo_compiling


def in_compiled_code() -> bool:
    """Return whether compiled code calls, or is being compiled: a clock there compiles at every update."""
    return is_dynamo_compiling() or get_eval_frame_callback() is not None


def hook_outside(run: Callable[..., None]) -> Callable[..., None]:
    """Return a hook of an optimizer that runs outside of compiled code.

    `disable` alone would do it too, and costs half a microsecond a call where nothing is compiled.
    """
    disabled: Any = disable(run)  # it imports what every optimizer imports

    def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
        if is_dynamo_compiling() or get_eval_frame_callback() is not None:
            disabled(optimizer, args, kwargs)
        else:
            run(optimizer, args, kwargs)

    return hook
