"""The answer as one offline HTML file, and as a small piece of HTML for a notebook.

The file loads nothing: style, pictures and code are inside, and its content security policy forbids every
request. Nothing on it needs a script but the buttons that copy. Equal input gives an equal file.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from stepsize.number_format import finite, plain, rate, share
from stepsize.report.captions import Words
from stepsize.report.explanations import explanations
from stepsize.report.page_templates import inline, preformatted, template
from stepsize.report.pictures import charts, score_rows
from stepsize.report.pictures.chart_data import thin
from stepsize.report.pictures.difference_picture import difference_picture
from stepsize.report.pictures.differences import differences
from stepsize.report.prediction import prediction_code
from stepsize.report.recipe import FRAMEWORKS, Recipe, readable_recipe
from stepsize.report.view_model import View, view
from stepsize.verdict.answer import Answer, DataFacts
from stepsize.verdict.data_notes import is_worth
from stepsize.verdict.series import Details

PANELS = 12  # more would not help a reader; the tables still hold every candidate
CLASSES = 20
MOST_SCORES = 4000  # in the table of every run
SYMBOLS = {"better": "▲", "worse": "▼", "equivalent": "≈", "not shown": "?", "diverged": "✕"}


def render(answer: Answer, details: Details) -> str:
    """Write the whole report as one HTML file that needs no network.

    Raises: MissingExtra if jinja2 is not installed.
    """
    shown = view(answer, details)
    drawn = _charts(shown)
    scores = score_rows.scores(shown)
    picture = differences(shown)
    steps, predicts = readable_recipe(answer), prediction_code(answer)
    return template("page.html.jinja").render(
        view=shown,
        say=Words(shown),
        symbols=SYMBOLS,
        rate=rate,
        spark_path=spark_path,
        picture=picture,
        scores=scores,
        score_notes="" if scores is None else score_rows.notes(scores),
        row_height=score_rows.HEIGHT,
        charts=drawn,
        codes={} if steps is None else {to: preformatted(code) for to, code in steps.codes().items()},
        frameworks=FRAMEWORKS,
        command="" if steps is None else steps.export_command,
        prediction="" if predicts is None else preformatted(predicts),
        explanations=explanations(shown),
        sections=_sections(shown, drawn, steps, picture, scores),
        hidden=f" Shown for the best {PANELS}, the baseline and the recommended candidate."
        if len(shown.rows) > PANELS
        else "",
        lists_scores=sum(len(row.scores) for row in shown.rows) <= MOST_SCORES,
        seeds=answer["study"]["seeds"],
        data_pairs=_data_pairs(shown),
        shares=_shares(shown.data),
        download=_download(answer),
        css=inline("page.css"),
        script=inline("page.js"),
    )


def fragment(answer: Answer, details: Details) -> str:
    """Write verdict, picture and table as HTML without scripts or styles, for `_repr_html_` in a notebook.

    Code hosts keep all of it when they show a saved notebook.

    Raises: MissingExtra if jinja2 is not installed.
    """
    from markupsafe import Markup

    shown = view(answer, details)
    image = difference_picture(answer, details, headline=False).as_img() if differences(shown) else ""
    return template("fragment.html.jinja").render(view=shown, picture=Markup(image))


def spark_path(values: list[float], width: int = 76, height: int = 22) -> str:
    """Return the SVG path of a small picture of a plan, linear from zero to its own peak.

    >>> spark_path([0.0, 1.0, 0.5], width=10, height=22)
    'M0 21L5 1L10 11'
    """
    top = max(values) or 1.0
    kept = thin(len(values), width)
    last = max(1, len(kept) - 1)
    points = (
        f"{round(i * width / last, 1):g} {round(height - 1 - (height - 2) * values[k] / top, 1):g}"
        for i, k in enumerate(kept)
    )
    return "M" + "L".join(points)


def _charts(shown: View) -> dict[str, charts.Panels]:
    """Return the pictures of the details that have something to show."""
    rows = [row for row in shown.rows if row.index < PANELS or row.baseline or row.recommended]
    drawn: dict[str, charts.Panels] = {}
    if with_curves := [row for row in rows if row.curves]:
        drawn["metric"] = charts.curves(shown, "metric", with_curves)
        drawn["loss"] = charts.curves(shown, "loss", with_curves)
    if tuned := [row for row in rows if row.sweep]:
        drawn["sweep"] = charts.sweep(shown, tuned)
    if planned := [row for row in rows if row.plan]:
        drawn["plans"] = charts.plans(shown, planned)
    return drawn


def _sections(
    shown: View, drawn: dict[str, charts.Panels], steps: Recipe | None, picture: Any, scores: Any
) -> list[tuple[str, str]]:
    present = {
        "picture": ("Picture", picture is not None),
        "use": ("Use it", steps is not None),
        "warnings": ("Warnings", bool(shown.warnings)),
        "candidates": ("Candidates", True),
        "notes": ("Notes", bool(shown.notes)),
        "results": ("Every run", scores is not None),
        "sweep": ("Learning rates", "sweep" in drawn),
        "curves": ("Learning curves", "metric" in drawn),
        "schedules": ("Schedules", "plans" in drawn),
        "data": ("Data", True),
        "repeat": ("Run it again", True),
    }
    return [(key, title) for key, (title, there) in present.items() if there]


def _data_pairs(shown: View) -> list[tuple[str, str]]:
    data = shown.data
    pairs = [("name", data["name"])]
    if data["rows"] is not None:
        pairs += [("rows", f"{data['rows']:,}"), ("features", str(data["features"]))]
    pairs += [(part, f"{about['rows']:,} rows") for part, about in data["parts"].items()]
    pairs += [(name, text) for name, text, _ in shown.references]
    if (step := finite(data["sample_value"])) is not None:
        pairs.append((f"one validation row {is_worth(shown.scale.metric)}", shown.scale.step(step)))
    return [*pairs, ("source", data["source"])] if data["source"] else pairs


def _shares(data: DataFacts) -> list[tuple[str, list[str]]]:
    """Return the share of each class in each part; of many classes, the first few."""
    parts = [part.get("shares", {}) for part in data["parts"].values()]
    rows = [(name, [share(part.get(name), decimals=1) for part in parts]) for name in data["classes"]]
    if len(rows) > CLASSES:
        rows = [*rows[:CLASSES], (f"and {len(rows) - CLASSES} more", ["" for _ in parts])]
    return rows


def _download(answer: Answer) -> str:
    text = json.dumps(plain(answer), allow_nan=False, ensure_ascii=False)
    return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
