"""The sentences of the page: captions, and alternative texts for those who cannot see a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepsize.number_format import counted, finite, rate, rate_range
from stepsize.report.chart_data import majority, many_runs, score_domain
from stepsize.report.view_model import Row, View


@dataclass(frozen=True)
class Words:
    """Captions and alternative texts of one view."""

    view: View

    def table(self) -> str:
        better = "" if self.view.scale.higher_is_better else " Lower is better."
        return (
            "Scores are means ± half the width of the 95 % interval. Differences from "
            f"{self.view.baseline} are paired by seed.{better}"
        )

    def results_caption(self) -> str:
        """Return what the marks in the picture of final results are."""
        runs = "Each dot is one run on a fresh seed, with equal scores stacked"
        if many_runs(self.view):
            runs = "The grey bars count the runs on fresh seeds by score"
        return f"{runs}; the diamond is the mean and the bar its 95 % interval."

    def results_notes(self) -> str:
        """Return what the picture of final results leaves out or adds, if anything."""
        domain = score_domain(self.view)
        known = [s for row in self.view.rows for s in map(self.view.scale.shown, row.scores) if s is not None]
        beyond = sum(not domain[0] <= score <= domain[1] for score in known)
        lost = sum(len(row.scores) for row in self.view.rows) - len(known)
        table = "JSON" if many_runs(self.view) else "table"
        notes = {
            " The dashed line is the score of always answering the most common class.": majority(
                self.view, domain
            ),
            f" {counted(beyond, 'run')} fell outside the picture; see the {table} below.": beyond or None,
            f" {counted(lost, 'run')} diverged and cannot be drawn.": lost or None,
            " The score of every run is in the JSON below.": many_runs(self.view) or None,
        }
        return "".join(note for note, holds in notes.items() if holds is not None)

    def results(self) -> str:
        return f"Final {self.view.scale.title} of every candidate: " + "; ".join(
            f"{row.name} {row.score}" for row in self.view.rows[:12]
        )

    def differences(self) -> str:
        return (
            f"Candidate minus {self.view.baseline} on the same seed: mean and 95 % interval. "
            f"Within the grey band (± {self.view.margin_text}), a difference is too small to matter. "
            "The verdict uses p-values corrected for all pairs of candidates (Holm)."
        )

    def differences_alt(self) -> str:
        return f"Difference from {self.view.baseline}: " + "; ".join(
            f"{row.name} {row.difference}, {row.verdict}" for row in self.view.rows[:12] if not row.baseline
        )

    def plans(self) -> str:
        return f"Learning rate of {len(self.view.rows)} candidates by epoch; each is described below."

    def plan(self, row: Row) -> str:
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
        return f"{row.name}: {len(row.sweep)} learning rates tried, {chosen} chosen{as_good}"


def _ends(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if finite(value) is not None]
    return (known[0], known[-1]) if known else (None, None)
