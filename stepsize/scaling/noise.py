"""The gradient noise scale: well below which batch size a larger batch is worth a larger rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from stepsize.number_format import rounded
from stepsize.scaling.answer import LawAnswer, MomentAnswer, NoiseAnswer

NOTE = (
    "The gradient noise scale is tr(Σ)/|G|² over the training rows: G is the mean gradient, and Σ the "
    "covariance of the gradients of single rows. It counts all directions alike, so only its "
    "order of magnitude means something."
)
Rates = Literal["proportional", "same", "larger"]
RATES: Mapping[Rates, str] = {
    "proportional": "larger batches may take proportionally larger rates",
    "same": "larger batches may keep the rate, because their loss is a sum",
    "larger": "larger batches may take larger rates",
}


def moments_of(epochs: int) -> dict[str, int]:
    """Return the moments at which gradients are measured, each as the epochs before it.

    >>> moments_of(25), moments_of(1)
    ({'start': 0, 'middle': 12, 'end': 25}, {'start': 0, 'end': 1})
    """
    return {"start": 0, "middle": epochs // 2, "end": epochs} if epochs > 1 else {"start": 0, "end": epochs}


def noise_answer(
    moments: Mapping[str, int],
    noises: Sequence[Sequence[tuple[float, float]]],
    batch_size: int,
    rate: float,
    rates: Rates,
    law: LawAnswer | None,
) -> NoiseAnswer | None:
    """Return the noise scale from tr(Σ) and |G|² [seeds, moments, 2]; None if fewer than two runs finished.

    An estimate of |G|² that is not positive makes the scale infinite. `rates` says what a larger batch may
    take, and `law` is the one that the noise scale stands beside.

    >>> noises = [[(9.0, 3.0), (80.0, 2.0)], [(9.0, 3.0), (90.0, 2.0)]]
    >>> answer = noise_answer({"start": 0, "end": 1}, noises, 32, 0.1, "larger", None)
    >>> answer["moments"][1]["rows"], answer["moments"][1]["range"]
    (42.5, [40.0, 45.0])
    >>> answer["sentence"]
    'The gradient noise scale is about 42 rows at the end of training (40 to 45 over 2 seeds) and 3 at the \
start: well below it, larger batches may take larger rates.'
    """
    found = np.array(noises, np.float64)
    found = found[np.isfinite(found).all(axis=(1, 2))]
    if len(found) < 2:
        return None
    trace, square = found[..., 0], found[..., 1]
    scales = np.where(square > 0, trace / np.where(square > 0, square, 1), np.inf)
    answers = [
        MomentAnswer(
            moment=name,
            epoch=epoch,
            rows=float(np.median(scales[:, i])),
            range=[float(scales[:, i].min()), float(scales[:, i].max())],
        )
        for i, (name, epoch) in enumerate(moments.items())
    ]
    return NoiseAnswer(
        batch_size=batch_size,
        rate=rate,
        seeds=len(found),
        moments=answers,
        sentence=_sentence(answers, len(found), rates, law),
    )


def _sentence(moments: Sequence[MomentAnswer], seeds: int, rates: Rates, law: LawAnswer | None) -> str:
    """Return the noise scale in words, beside the place where the law bends."""
    main = moments[len(moments) // 2]
    others = [each for each in moments if each is not main]
    place = f"in the {main['moment']}" if main["moment"] == "middle" else f"at the {main['moment']}"
    low, high = main["range"]
    span = f"{_number(low)} to {_number(high)} " if math.isfinite(high) else f"{_number(low)} or more "
    span = span if math.isfinite(low) else ""
    size = f"about {_number(main['rows'])} rows" if math.isfinite(main["rows"]) else _number(main["rows"])
    text = f"The gradient noise scale is {size} {place} of training ({span}over {seeds} seeds)"
    text += ", " if len(others) > 1 else " and "
    text += " and ".join(f"{_number(each['rows'])} at the {each['moment']}" for each in others)
    text += f": well below it, {RATES[rates]}."
    if law is not None and law["bend"] is not None:
        at = law["bend"]["at"]
        where = "below" if at < low else "above" if at > high else "within"
        text += f" The law bends at {at:g}, {where} the range {place} of training."
    elif law is not None and rates == "proportional" and law["ci95"][1] < 1:
        text += " The best rates measured here grow more slowly than that."
    return text


def _number(rows: float) -> str:
    """Write a number of rows with two digits.

    >>> _number(1622.3), _number(41.7), _number(0.123), _number(float("inf"))
    ('1,600', '42', '0.12', 'too large to measure')
    """
    if not math.isfinite(rows):
        return "too large to measure"
    return f"{float(f'{rows:.2g}'):,.0f}" if rows >= 10 else rounded(rows, 2)
