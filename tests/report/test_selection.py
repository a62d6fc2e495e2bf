"""Of very many candidates and runs, a reader sees the best and the number left out."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from stepsize.report import html
from stepsize.report.pictures.score_rows import HALF, scores
from stepsize.report.selection import MOST, left_out, shown_candidates
from stepsize.report.terminal import answer as terminal
from stepsize.report.view_model import view
from stepsize.stats import decide
from stepsize.verdict import findings
from stepsize.verdict.answer import Answer
from stepsize.verdict.scores import Divergence
from stepsize.verdict.series import Details

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]


def hundred(study: Study, baseline: int = 90, recommended: int = 95) -> Study:
    """Make a study of a hundred candidates, the best first, of its first one; five diverged always."""
    answer, details = study
    first = answer["candidates"][0]
    names = [f"cosine({i})" for i in range(100)]
    answer["candidates"] = [
        {**first, "name": name, "spec": name, "mean": 0.95 - i / 1000, "in_best_set": i < 60 or i == 95,
         "diverged": first["n"] if i >= 98 else int(i % 3 == 0), "lr_at_edge": i % 2 == 0,
         "lr_at_limit": False}
        for i, name in enumerate(names)
    ]  # fmt: skip
    answer["study"]["protocol"].update(baseline=names[baseline])
    answer["verdict"].update(recommended=names[recommended], best_set=names[:60])
    return answer, details


def test_few_are_all_shown_without_a_note(study: Study) -> None:
    answer, _ = study
    assert len(shown_candidates(answer)) == len(answer["candidates"]) <= MOST
    assert left_out(answer) == view(*study).left_out == ""


def test_of_many_the_best_the_baseline_and_the_recommended_are_shown(studies: Studies) -> None:
    answer, details = hundred(studies["lesson"]())
    names = [candidate["name"] for candidate in shown_candidates(answer)]
    assert names == [f"cosine({i})" for i in [*range(MOST), 90, 95]]
    rows = view(answer, details).rows
    assert [row.name for row in rows] == names
    assert [row.index for row in rows] == list(range(MOST + 2))


def test_the_number_left_out_is_reported_everywhere(studies: Studies) -> None:
    answer, details = hundred(studies["lesson"]())
    note = left_out(answer)
    assert note.startswith(
        "Only the best of 100 candidates are shown. Of the other 58, 20 may also be the best"
    )
    for page in (html.render(answer, details), html.fragment(answer, details)):
        assert note in page
    assert note in " ".join(terminal.render(answer, details, width=70).split())


def test_none_of_those_left_out_may_be_the_best(studies: Studies) -> None:
    answer, _ = hundred(studies["lesson"]())
    for candidate in answer["candidates"][MOST:]:
        candidate["in_best_set"] = False
    assert left_out(answer).endswith("none may also be the best; the JSON has them.")


def runs_of(study: Study, runs: int) -> Study:
    """Repeat each candidate's scores until there are as many runs."""
    answer, details = study
    for candidate in answer["candidates"]:
        candidate["scores"] = (candidate["scores"] * runs)[:runs]
    answer["study"]["seeds"] = list(range(runs))
    return answer, details


def test_many_runs_are_counted_in_bars_and_not_listed(studies: Studies) -> None:
    few, many = (html.render(*runs_of(studies["lesson"](), runs)) for runs in (300, 700))
    assert "Every run as a table" in few
    assert "Each dot is one run" in few
    assert "Every run as a table" not in many
    assert "The grey bars count the runs" in many
    assert "The score of every run is in the JSON below" in many


def test_bars_have_the_width_of_whole_steps_of_the_score(studies: Studies) -> None:
    drawn = scores(view(*runs_of(studies["lesson"](), 700)))
    assert drawn is not None
    assert drawn.has_bars
    widths = {width for row in drawn.rows for _, width, _, _ in row.bars}
    assert max(widths) - min(widths) < 0.05
    first, second, *_ = sorted({x for row in drawn.rows for x, *_ in row.bars})
    assert second - first == pytest.approx(min(widths), abs=0.05)
    for row in drawn.rows:
        assert max(height for *_, height in row.bars) == pytest.approx(2 * HALF)


def test_warnings_of_a_kind_are_listed_up_to_a_limit_then_counted(studies: Studies) -> None:
    answer, _ = hundred(studies["lesson"]())
    divergences = {candidate["name"]: Divergence(7, 0.1) for candidate in answer["candidates"]}
    names = [candidate["name"] for candidate in answer["candidates"]]
    scores = np.random.default_rng(0).normal(size=(len(names), 30))
    decision = decide(scores, names=names, baseline=names[0], margin=0.1)
    lines = findings.warnings(answer, divergences, decision)
    edge = [line for line in lines if "is at the edge" in line]
    lost = [line for line in lines if re.search("runs diverged, the first", line)]
    assert len(edge) == len(lost) == findings.LISTED
    assert "30 more candidates also had their best rate at the edge." in lines
    assert any(re.fullmatch(r"\d+ runs of \d+ other candidates also diverged\.", line) for line in lines)
    may_win = {c["name"] for c in answer["candidates"] if c["in_best_set"]}
    assert all(line.partition(":")[0] in may_win for line in edge + lost)
