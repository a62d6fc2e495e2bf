"""An endless stream of batches, from a loader, a list or a data set that can be read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stepsize.checks import shown
from stepsize.errors import StudyError


def check_readable_again(name: str, batches: Any) -> None:
    """Raise StudyError for batches that are not iterable, or can be read only once."""
    if not isinstance(batches, Iterable) and not hasattr(batches, "__getitem__"):
        raise StudyError(f"{name}={shown(batches)} must give batches: a loader, a data set or a list")
    if isinstance(batches, Iterator):
        raise StudyError(
            f"{name}={shown(batches)} can be read only once; pass the loader itself, not an iterator over it"
        )


def endless(batches: Iterable[Any], sweep: int) -> Iterator[Any]:
    """Yield batches over and over; sweep k skips the first k, so that loaders in a fixed order differ too.

    The stream ends if the batches cannot be read again.

    >>> stream = endless(["a", "b", "c"], sweep=1)
    >>> [next(stream) for _ in range(4)]
    ['b', 'c', 'a', 'b']
    """
    skip = sweep
    while True:
        was_empty = True
        for batch in batches:
            was_empty = False
            if skip:
                skip -= 1
                continue
            yield batch
        if was_empty:
            return
