"""What `find` returns: a map of learning rates, or a range test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepsize.errors import MissingExtra
from stepsize.number_format import plain
from stepsize.output_files import REPORT, check_output, write_output
from stepsize.range_test.answer import RangeTestAnswer
from stepsize.rate_map.answer import BestRate, RateMapAnswer
from stepsize.report import rate_map_page
from stepsize.report.pictures import range_test as range_test_picture
from stepsize.report.pictures.picture import Picture
from stepsize.report.terminal import range_test, rate_map

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class RateMap:
    """What every learning rate does to a model; it displays itself in a notebook.

    `answer` is the document that `stepsize find --json` prints, `store` the file with the runs (None if it
    was deleted meanwhile).
    """

    answer: RateMapAnswer
    store: Path | None = None

    @property
    def best(self) -> float | None:
        """The rate to use; None if every run diverged."""
        best: BestRate | None = self.answer["best"]
        return None if best is None else best["rate"]

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and the highest rate that are as good as the best, within the margin."""
        best: BestRate | None = self.answer["best"]
        return None if best is None else (best["range"][0], best["range"][1])

    @property
    def status(self) -> str:
        """`ok`, `open_below`, `open_above`, `flat` or `all_diverged`."""
        return self.answer["status"]

    @property
    def curve(self) -> list[tuple[float, float | None]]:
        """Every rate tried with its mean score, in rising order."""
        return [(row["rate"], row["mean"]) for row in self.answer["rates"]]

    def to_json(self) -> str:
        """Return the answer as one JSON document; a number that is not finite becomes null."""
        return json.dumps(plain(self.answer), indent=1, ensure_ascii=False)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rates as a table with one row each, those of the first setting first.

        Raises: MissingExtra if pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtra("pandas", "train") from None
        rows = [
            {**each["settings"], **{key: value for key, value in row.items() if not isinstance(value, list)}}
            for each in self.answer["maps"]
            for row in each["rates"]
        ]
        return pandas.DataFrame(rows)

    def plot(self) -> Picture | None:
        """Return the picture of the first map, which a notebook displays; None if every run diverged."""
        return rate_map_page.map_pictures(self.answer)[0]

    def report(self, path: str | Path) -> Path:
        """Write the map as one HTML file that needs no network; return its path.

        Raises: OutputError if the file cannot be written, or would replace one that is not a report.
        """
        check_output("path", path, REPORT)
        write_output(
            "path", path, REPORT, rate_map_page.render(self.answer), self.answer["study"]["fingerprint"]
        )
        return Path(path)

    def __repr__(self) -> str:
        return rate_map.render(self.answer)

    def _repr_html_(self) -> str | None:
        try:
            return rate_map_page.fragment(self.answer)
        except MissingExtra:
            return None  # the notebook displays the text instead


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What rising learning rates do to the loss of a model; it displays itself in a notebook.

    `answer` has the fields of `stepsize.range_test.answer.RangeTestAnswer`.
    """

    answer: RangeTestAnswer

    @property
    def best(self) -> float | None:
        """The rate to begin with; None unless the status is `ok`."""
        best = self.answer["best"]
        return None if best is None else best["rate"]

    @property
    def range(self) -> tuple[float, float] | None:
        """The rates worth trying: from where the loss has fallen half of its way to where it rises again."""
        best = self.answer["best"]
        return None if best is None else (best["range"][0], best["range"][1])

    @property
    def status(self) -> str:
        """`ok`, `unstable`, `flat`, `still_falling`, `diverged_at_once` or `too_few_batches`."""
        return self.answer["status"]

    @property
    def curve(self) -> list[tuple[float, float]]:
        """Every rate tried with the smoothed loss, the median of the sweeps."""
        return [(point["rate"], point["loss"]) for point in self.answer["curve"]]

    def plot(self) -> Picture | None:
        """Return the picture of the loss, which a notebook displays; None if there are too few losses."""
        return range_test_picture.range_test_picture(self.answer)

    def _repr_html_(self) -> str:
        return range_test_picture.fragment(self.answer)

    def to_json(self) -> str:
        """Return the answer as one JSON document."""
        return json.dumps(plain(self.answer), indent=1, ensure_ascii=False)

    def __repr__(self) -> str:
        return range_test.render(self.answer)
