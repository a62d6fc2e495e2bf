"""The answer as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

from stepsize.report import markdown
from stepsize.report.view_model import view
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]


def test_markdown_has_headline_table_and_warnings(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    text = markdown.render(answer, details)
    assert text.startswith("## 5 of these 7 cannot be told apart")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(answer["candidates"])
    assert len({line.count("|") for line in rows}) == 1
    for row in view(answer, details).rows:
        assert any(row.score in line and row.verdict in line for line in rows)
    assert text.count("**Warning:**") == len(answer["warnings"])
    assert f"```sh\n{answer['study']['command']}\n```" in text


def test_a_hostile_name_cannot_break_the_table(studies: Studies) -> None:
    answer, details = studies["hostile"]()
    answer["candidates"][0]["name"] = answer["study"]["protocol"]["baseline"] = "a | b\n<img>"
    text = markdown.render(answer, details)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(answer["candidates"])
    assert "<img" not in text.replace("\\<img", "")


def test_csv_has_one_row_for_each_candidate_with_nested_fields(study: Study) -> None:
    answer, _ = study
    rows = list(csv.DictReader(io.StringIO(markdown.candidates_csv(answer))))
    assert [row["name"] for row in rows] == [c["name"] for c in answer["candidates"]]
    for row, candidate in zip(rows, answer["candidates"], strict=True):
        scores = [None if score != score else score for score in candidate["scores"]]
        assert json.loads(row["scores"]) == scores
        assert json.loads(row["settings"]) == candidate["settings"]
        versus = candidate["vs_baseline"]
        assert row.get("vs_baseline.verdict", "") == ("" if versus is None else versus["verdict"])
