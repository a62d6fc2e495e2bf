"""The sentences of the page: captions, and alternative texts for those who cannot see a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepsize.number_format import finite, rate, rate_range
from stepsize.report.pictures.differences import words
from stepsize.report.view_model import Row, View
from stepsize.study.replicates import unit

NAMED = 12  # candidates of an alternative text


@dataclass(frozen=True)
class Words:
    """Captions and alternative texts of one view."""

    view: View

    def table(self) -> str:
        better = "" if self.view.scale.higher_is_better else " Lower is better."
        return (
            f"Scores are means{self._of_repeats()} ± half the width of the 95 % interval. Differences from "
            f"{self.view.baseline} are paired by {unit(self.view.folds)}.{better}"
        )

    def _of_repeats(self) -> str:
        """Return what a mean is over in a cross-validation."""
        if not self.view.folds:
            return ""
        is_whole = not any(row.diverged for row in self.view.rows)
        return " of the repeats" if is_whole else " of the repeats that finished whole"

    def picture(self) -> str:
        """Return what the picture of the differences shows."""
        return (
            f"Each candidate against {self.view.baseline} on the same seeds: mean difference and 95 % "
            f"interval. Inside the grey band (± {self.view.margin_text}) a difference is too small to matter."
        )

    def results(self, has_bars: bool) -> str:
        """Return what the marks in the picture of every run are."""
        runs = "Each dot is one run on a fresh seed; equal scores are stacked"
        if has_bars:
            runs = "The grey bars count the runs on fresh seeds by score"
        return f"{runs}. The diamond is the mean{self._of_repeats()}, the bar its 95 % interval."

    def difference(self, row: Row) -> str:
        return "the baseline" if row.baseline else words(row) or row.verdict

    def large(self, what: str) -> str:
        names = "; ".join(row.name for row in self.view.rows[:NAMED])
        more = "" if len(self.view.rows) <= NAMED else " and more"
        chosen = f"; {self.view.recommended.name} in colour" if self.view.recommended else ""
        return f"{what} of {names}{more}{chosen}"

    def plans(self, row: Row) -> str:
        first, last, peak = (rate(v) for v in (row.plan[0], row.plan[-1], max(row.plan)))
        return f"{row.name}: learning rate from {first} to {last}, peak {peak}"

    def metric(self, row: Row) -> str:
        assert row.curves is not None
        scale = self.view.scale
        first, last = (scale.number(v) for v in _ends(row.curves["metric"]["mean"]))
        return f"{row.name}: mean {scale.title} on the validation part from {first} to {last}"

    def loss(self, row: Row) -> str:
        assert row.curves is not None
        train, validation = (_ends(row.curves[key]["mean"])[1] for key in ("train_loss", "val_loss"))
        return f"{row.name}: last training loss {rate(train)}, last validation loss {rate(validation)}"

    def sweep(self, row: Row) -> str:
        chosen = ", ".join(rate(point["lr"]) for point in row.sweep if point["chosen"]) or "none"
        as_good = f", {rate_range(row.lr_range)} as good" if row.lr_range else ""
        tried = sum(not point["chosen"] for point in row.sweep)
        return f"{row.name}: {tried} learning rates tried, {chosen} chosen{as_good}"


def _ends(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if finite(value) is not None]
    return (known[0], known[-1]) if known else (None, None)
