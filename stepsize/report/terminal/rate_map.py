"""A map of rates in a terminal: a line for each rate, with a picture of its loss, its word and the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from stepsize.number_format import MISSING, Scale, duration, pace, rate, scale_for
from stepsize.rate_map.answer import MapAnswer, RateAnswer, RateMapAnswer
from stepsize.report.terminal_text import ascii_only, cell_width, pad, safe, wrap

BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-:=+*#"
CELLS = 8  # of the picture of a loss
NARROWEST = 24  # cells for the reasons; in a narrower terminal they stand below their rates
BOLD, DIM, ACCENT = "1", "2", "1;36"


def render(answer: RateMapAnswer, width: int = 80, colour: bool = False, ascii: bool = False) -> str:
    """Write the maps of all settings for a terminal `width` cells wide."""
    spell = (lambda text: ascii_only(safe(text))) if ascii else safe
    paint: Callable[[str, str], str] = _paint if colour else lambda text, code: text
    study = answer["study"]
    protocol, data = study["protocol"], answer["data"]
    title = f"Learning rates of {study['name']}: {protocol['model']}, {optimizer_text(protocol['optimizer'])}"
    rows = f"{data['rows']:,} rows, " if data.get("rows") else ""
    subtitle = f"{rows}{protocol['epochs']:,} epochs, {len(study['seeds'])} seeds, constant rates"
    lines = [*(paint(line, BOLD) for line in wrap(spell(title), width))]
    lines += [paint(line, DIM) for line in wrap(spell(subtitle), width)]
    for each in answer["maps"]:
        scale = scale_of(protocol, each)
        heading = ", ".join(f"{key}={value}" for key, value in each["settings"].items())
        if heading:
            lines += ["", paint(spell(f"With {heading}:"), BOLD)]
        lines += ["", *_table(each, scale, width, spell, paint, ascii), ""]
        lines += [paint(line, BOLD) for line in wrap(spell(each["sentence"]), width)]
    lines += ["", *(line for note in answer["notes"] for line in wrap(spell(note), width, "- ", "  "))]
    lines += ["", *(paint(line, DIM) for line in wrap(spell(cost_text(answer)), width))]
    lines += ["", *wrap(spell(f"Next: {answer['next']}"), width, rest="  ")]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def loss_picture(losses: Sequence[float | None], low: float, high: float, ascii: bool = False) -> str:
    """Draw a loss over the epochs, from `low` to `high`; losses beyond these ends touch them.

    Where none is known, there is a gap.

    >>> loss_picture([1.0, 0.8, 0.5, 0.2, 0.1, 0.0, 0.0, 0.0], 0.0, 1.0)
    '█▇▅▂▂▁▁▁'
    """
    blocks = ASCII_BLOCKS if ascii else BLOCKS
    if not losses:
        return ""
    edges = [round(i * len(losses) / CELLS) for i in range(CELLS + 1)]
    picture = []
    for begin, end in pairwise(edges):
        part = _known(losses[min(begin, len(losses) - 1) : max(end, begin + 1)])
        if not part:
            picture.append(" ")
            continue
        share = (sum(part) / len(part) - low) / max(high - low, 1e-12)
        picture.append(blocks[round(min(max(share, 0.0), 1.0) * (len(blocks) - 1))])
    return "".join(picture)


def _table(
    each: MapAnswer,
    scale: Scale,
    width: int,
    spell: Callable[[str], str],
    paint: Callable[[str, str], str],
    ascii: bool,
) -> list[str]:
    known = [losses for row in each["rates"] if (losses := _known(row["train_loss"]))]
    high, low = (known[0][0], min(map(min, known))) if known else (1.0, 0.0)
    chosen = next((row for row in each["rates"] if row["word"] == "best"), None)
    use = ">" if ascii else "→"
    cells = [
        (
            use if row is chosen else " ",
            rate(row["rate"]),
            spell(_score(row, scale)),
            loss_picture(row["train_loss"], low, high, ascii),
            row["word"],
        )
        for row in each["rates"]
    ]
    titles = (" ", "lr", spell(scale.title), "loss", "word")
    sizes = [max(cell_width(row[column]) for row in (titles, *cells)) for column in range(5)]
    shown = (1, 2, 3, 4) if known else (1, 2, 4)
    indent = sizes[0] + sum(sizes[column] + 2 for column in shown) + 1
    beside = width - indent >= NARROWEST

    def line(row: Sequence[str]) -> str:
        parts = [pad(row[column], sizes[column], right=column < 3) for column in shown]
        return f"{row[0]} {'  '.join(parts)}"

    lines = [paint(line(titles) + ("  why" if beside else ""), DIM)]
    for row, answer in zip(cells, each["rates"], strict=True):
        first, rest = line(row), " " * (indent if beside else 4)
        if beside:
            texts = wrap(spell(answer["reason"]), width, first=f"{first}  ", rest=rest)
        else:
            texts = [first, *wrap(spell(answer["reason"]), width, first=rest, rest=rest)]
        lines += [paint(text, ACCENT) if answer is chosen else text for text in texts]
    return lines


def _known(losses: Sequence[float | None]) -> list[float]:
    return [loss for loss in losses if loss is not None]


def _score(row: RateAnswer, scale: Scale) -> str:
    return scale.plus_minus(row["mean"], row["ci95"]) if row["mean"] is not None else MISSING


def scale_of(protocol: dict, each: MapAnswer) -> Scale:
    """Return how the scores of a map are written."""
    halves = [(ends[1] - ends[0]) / 2 for row in each["rates"] if (ends := row["ci95"])]
    return scale_for(protocol["metric"], protocol["higher_is_better"], protocol.get("share"), halves)


def optimizer_text(optimizer: dict) -> str:
    """Return an optimizer with its settings in words."""
    settings = {key: value for key, value in optimizer.items() if key not in ("name", "learning_rate")}
    text = ", ".join(f"{key}={value}" for key, value in settings.items())
    return f"{optimizer.get('name', 'its own optimizer')}{f' with {text}' if text else ''}"


def cost_text(answer: RateMapAnswer) -> str:
    """Return how many runs a map took, and how long they took."""
    cost = answer["cost"]
    if not cost.get("runs"):
        return "All runs were in the store."
    speed = f" · {pace(cost['runs_per_second'])}" if cost.get("runs_per_second") else ""
    return f"{cost['runs']:,} runs in {duration(cost['seconds'])}{speed} · {cost.get('layout', '')}"


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if text else text
