"""The answer as one offline HTML file, and as a small piece of HTML for a notebook.

The file loads nothing: style, script, data and the drawing library are inside, and its content security
policy forbids every request. Equal input gives an equal file.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from stepsize.errors import MissingExtra
from stepsize.number_format import finite, plain, rate, share
from stepsize.report.captions import Words
from stepsize.report.chart_data import many_runs, thin
from stepsize.report.page_templates import inline, template
from stepsize.report.view_model import Row, View, view
from stepsize.verdict.answer import Answer, DataFacts, Details

PANELS = 12  # more would not help a reader; the tables still hold every candidate
CLASSES = 20
SYMBOLS = {"better": "▲", "worse": "▼", "equivalent": "≈", "not shown": "?", "diverged": "✕"}


def render(answer: Answer, details: Details) -> str:
    """Write the whole report as one HTML file of about a megabyte that needs no network.

    Raises MissingExtra when altair, vl-convert-python or jinja2 is not installed.
    """
    shown = view(answer, details)
    panel_rows = _panel_rows(shown)
    charts, datasets = _charts(shown, panel_rows)
    left_out = len(shown.rows) - PANELS
    return template("page.html.jinja").render(
        view=shown,
        say=Words(shown),
        symbols=SYMBOLS,
        rate=rate,
        spark_path=spark_path,
        sections=_sections(shown, charts),
        charts=charts,
        datasets=datasets,
        panel_rows=panel_rows,
        hidden=f" Shown for the best {PANELS}, the baseline and the recommended candidate."
        if left_out > 0
        else "",
        many_runs=many_runs(shown),
        seeds=answer["study"]["seeds"],
        data_pairs=_data_pairs(shown),
        shares=_shares(shown.data),
        download=_download(answer),
        css=inline("page.css"),
        script=inline("page.js"),
        bundle=_library() if charts else "",
    )


def prepare() -> None:
    """Load what `render` needs, which takes about two seconds; a thread can do it during training."""
    import_module("stepsize.report.charts")
    _library()
    template("page.html.jinja")


def fragment(answer: Answer, details: Details) -> str:
    """Write verdict, table and warnings as HTML without scripts, for `_repr_html_` in a notebook.

    Raises MissingExtra when jinja2 is not installed.
    """
    return template("fragment.html.jinja").render(view=view(answer, details))


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


def _charts(shown: View, panel_rows: Mapping[str, list[Row]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return one specification per kind of picture that has something to show, and the data of all."""
    from stepsize.report import chart_theme, charts

    specs: dict[str, Any] = {}
    datasets: dict[str, Any] = {}
    # Altair checks every piece against its schema as it is made; the tests do that once for all readers.
    with chart_theme.unchecked():
        if any(row.mean is not None for row in shown.rows):
            specs["results"] = charts.results(shown, chart_theme.PAGE)
        if any(row.gap is not None for row in shown.rows):
            specs["differences"] = charts.differences(shown, chart_theme.PAGE)
        if rows := panel_rows["curves"]:
            specs["metric"] = charts.curve(shown, "metric", rows[0].index, chart_theme.PAGE)
            specs["loss"] = charts.curve(shown, "loss", rows[0].index, chart_theme.PAGE)
        if rows := panel_rows["sweep"]:
            specs["sweep"] = charts.sweep(shown, rows[0].index, chart_theme.PAGE)
        if rows := panel_rows["plans"]:
            specs["plans"] = charts.all_plans(shown, chart_theme.PAGE)
            specs["plan"] = charts.plan(shown, rows[0].index, chart_theme.PAGE)
        for key, chart in specs.items():
            specs[key], data = chart_theme.apart(chart)
            datasets |= data
    return specs, datasets


def _panel_rows(shown: View) -> dict[str, list[Row]]:
    rows = [row for row in shown.rows if row.index < PANELS or row.baseline or row.recommended]
    return {
        "curves": [row for row in rows if row.curves],
        "sweep": [row for row in rows if row.sweep],
        "plans": [row for row in rows if row.plan],
    }


def _sections(shown: View, charts: Mapping[str, Any]) -> list[tuple[str, str]]:
    present = {
        "candidates": ("Candidates", True),
        "warnings": ("Warnings", bool(shown.warnings)),
        "notes": ("Notes", bool(shown.notes)),
        "results": ("Final results", "results" in charts),
        "differences": ("Differences", "differences" in charts),
        "curves": ("Learning curves", "metric" in charts),
        "sweep": ("Sweep", "sweep" in charts),
        "schedules": ("Schedules", "plans" in charts),
        "data": ("Data", True),
        "cost": ("Cost", True),
        "repeat": ("Run it again", True),
    }
    return [(key, title) for key, (title, there) in present.items() if there]


def _data_pairs(shown: View) -> list[tuple[str, str]]:
    data = shown.data
    pairs = [("name", data["name"])]
    if data["rows"] is not None:
        pairs += [("rows", f"{data['rows']:,}"), ("features", str(data["features"]))]
    pairs += [(part, f"{about['rows']:,} rows") for part, about in data["parts"].items()]
    if finite(data["majority_baseline"]) is not None and data["kind"] != "regression":
        pairs.append(
            ("always answering the most common class scores", share(data["majority_baseline"], decimals=1))
        )
    if (step := finite(data["sample_value"])) is not None:
        pairs.append(("one validation row is worth", shown.scale.step(step)))
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


@cache
def _library() -> Any:
    """Return Vega, Vega-Lite and vega-embed as one script; cached, because bundling it is slow."""
    from markupsafe import Markup

    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtra("vl-convert-python", "report") from error
    return Markup(
        vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")
    )
