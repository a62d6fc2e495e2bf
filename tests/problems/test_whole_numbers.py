"""A model with whole numbers beyond 32 bits is no population, because it would compute others there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402

from stepsize.errors import ProblemError  # noqa: E402
from stepsize.problems.problem import Problem  # noqa: E402
from tests.support.torch_problems import toy  # noqa: E402

FEW = torch.arange(40 * 3).reshape(40, 3) % 60


class Hashed(nn.Module):
    """Embeds what a function makes of whole numbers."""

    def __init__(self, place: Callable[[Tensor], Tensor], kept: int = 0) -> None:
        super().__init__()
        self.rows, self.place = nn.Embedding(97, 3), place
        self.register_buffer("kept", torch.tensor(kept))

    def forward(self, ids: Tensor) -> Tensor:
        return self.rows(self.place(ids) % 97).mean(1)


class Doubled(nn.Module):
    """Embeds twice a whole number, which must be below 10."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(10, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.rows(2 * ids).mean(1)


def reason(place: Callable[[Tensor], Tensor], ids: Tensor = FEW, kept: int = 0) -> str | None:
    made: Problem = toy(lambda: Hashed(place, kept), data=(ids, torch.arange(40) % 3))
    assert made.torch_source is not None
    return made.torch_source.series


@pytest.mark.parametrize(
    "place", [lambda i: i, lambda i: i * 3 + 7, lambda i: i // 2, lambda i: i.clamp(max=9)]
)
def test_a_model_that_needs_32_bits_is_a_population(place):
    assert reason(place) is None


@pytest.mark.parametrize(
    ("place", "number"),
    [
        (lambda i: i * 1_000_000_007, "11,000,000,077"),
        (lambda i: 1_000_000_007 - i * 100_000_000, "5,900,000,000"),
        (lambda i: (i.float() * 1e9).long(), "11,000,000,512"),
        (lambda i: i + torch.tensor(2**40), "1,099,511,627,776"),
    ],
)
def test_a_model_that_computes_larger_ones_trains_in_series(place, number):
    assert f"the whole number {number}, and a population counts with 32 bits" in str(reason(place))


def test_rows_far_from_the_example_count():
    ids = torch.zeros(40, 3, dtype=torch.int64)
    assert reason(lambda i: i * 1_000_003, ids) is None
    ids[30] = 5_000
    assert "5,000,015,000" in str(reason(lambda i: i * 1_000_003, ids))


def test_a_buffer_that_holds_one_is_named():
    assert "buffer 'kept' holds the whole number 4,294,967,296" in str(reason(lambda i: i, kept=2**32))


def test_rows_that_the_model_does_not_take_are_an_error_of_one_line():
    ids = torch.zeros(40, 3, dtype=torch.int64)
    ids[30] = 5
    with pytest.raises(
        ProblemError, match="does not take all rows of the data: IndexError: index out of range"
    ):
        toy(Doubled, data=(ids, torch.arange(40) % 3))
