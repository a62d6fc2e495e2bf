"""One Altair chart per picture, in one style: grey for context, ink for the subject, one accent for advice.

Colour never carries meaning alone: the recommended candidate is also named, lost runs are crosses, a band
is labelled in its caption.

The panel charts (`plan`, `curve`, `sweep`) draw one candidate each; its place in `view.rows` is the
parameter `row`, so that a page can reuse one specification for every panel.
"""

from __future__ import annotations

from typing import Any

from stepsize.report import chart_data
from stepsize.report.chart_theme import LIGHT, Data, Palette, alt, finish
from stepsize.report.view_model import View

ROW_HEIGHT = 50
PANEL_HEIGHT = 132


def results(view: View, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw every run as a dot under its candidate's name, with the mean and its 95 % interval.

    Of many runs, bars count those of about the same score.
    """
    domain = chart_data.score_domain(view)
    rows, title = len(view.rows), view.scale.title
    drawn = _bars if chart_data.many_runs(view) else _dots
    layers = [drawn(rows, domain, title, palette), *_estimates("means", rows, domain, title, palette)]
    majority = chart_data.majority(view, domain)
    runs = chart_data.score_bars(view) if chart_data.many_runs(view) else chart_data.scores(view)
    data = {"runs": runs, "means": chart_data.means(view)}
    if majority is not None:
        data["majority"] = [{"at": majority}]
        layers.insert(0, _upright("majority", domain, title, palette))
    return finish(layers, data, palette, ROW_HEIGHT * rows)


def differences(view: View, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw each candidate's paired difference from the baseline, with the margin as a band."""
    records = chart_data.gaps(view)
    margin = view.scale.shown(view.margin) or 0.0
    ends = [record[key] for record in records for key in ("low", "high", "mean")]
    domain = chart_data.padded(chart_data.limits([*ends, -1.5 * margin, 1.5 * margin]))
    worse, better = ("worse", "better") if view.scale.higher_is_better else ("better", "worse")
    unit = f" in {view.scale.difference_unit}" if view.scale.difference_unit else ""
    title = f"← {worse} · difference{unit} · {better} →"
    band = (
        _chart("margin")
        .mark_rect(clip=True)
        .encode(x=_x("low", title, domain), x2=alt.X2("high:Q"), color=alt.ColorValue(palette.grid))
    )
    estimates = _estimates("gaps", len(records), domain, title, palette)
    layers = [band, _upright("zero", domain, title, palette), *estimates]
    data = {"gaps": records, "margin": [{"low": -margin, "high": margin}], "zero": [{"at": 0}]}
    return finish(layers, data, palette, ROW_HEIGHT * len(records))


def all_plans(view: View, palette: Palette = LIGHT) -> alt.LayerChart:
    """Lay all plans over each other; a logarithmic axis when their peaks differ more than tenfold."""
    records = chart_data.plans(view)
    peaks = [peak for record in records if (peak := max(record["lr"])) > 0]
    axis = alt.Axis(title="learning rate", tickCount=5)
    y = alt.Y("lr:Q", axis=axis)
    if peaks and max(peaks) > 10 * min(peaks):
        lowest = min(v for r in records for v in r["lr"] if v > 0)
        domain = [max(lowest, max(peaks) / 1e4), max(peaks) * 1.2]
        y = alt.Y("lr:Q", axis=axis, scale=alt.Scale(type="log", domain=domain, clamp=True))
    lines = (
        _chart("plans")
        .transform_flatten(["epoch", "lr"])
        .mark_line(strokeWidth=1.5, clip=True)
        .encode(x=_epochs(), y=y, detail=alt.Detail("c:N"), tooltip=_tips("name"))
    )
    layers = [lines.encode(color=alt.ColorValue(palette.muted), opacity=alt.OpacityValue(0.55))]
    if view.recommended:
        chosen = lines.transform_filter(alt.FieldEqualPredicate(field="c", equal=view.recommended.index))
        layers.append(chosen.mark_line(strokeWidth=3, clip=True).encode(color=alt.ColorValue(palette.accent)))
    return finish(layers, {"plans": records}, palette, 220)


def plan(view: View, row: int, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw one candidate's plan, linear from zero, on its own axis."""
    base = (
        _chart("plans")
        .transform_filter("datum.c == row")
        .transform_flatten(["epoch", "lr"])
        .encode(x=_epochs(), y=alt.Y("lr:Q", axis=alt.Axis(title=None, tickCount=3)))
    )
    area = base.mark_area(opacity=0.1, clip=True).encode(color=_colour(palette))
    line = base.mark_line(strokeWidth=2, clip=True).encode(color=_colour(palette))
    tips = base.mark_point(opacity=0, size=60).encode(tooltip=_tips("epoch", "lr"))
    return _panel([area, line, tips], {"plans": chart_data.plans(view)}, row, palette, 90)


def curve(view: View, quantity: str, row: int, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw one candidate's learning curve: mean over seeds, band of the middle 80 %, the others in grey.

    `quantity` is "metric", or "loss" for validation (line) and training (dashes) together.
    """
    records = chart_data.curves(view)
    main = "metric" if quantity == "metric" else "val_loss"
    names = ["metric"] if quantity == "metric" else ["train_loss", "val_loss"]
    scale = alt.Scale(domain=chart_data.curve_limits(records, names), zero=False, nice=False)
    fields: list[str | alt.FieldName] = [
        "epoch",
        *(f"{name}_{part}" for name in names for part in ("mean", "low", "high")),
    ]
    everyone = _chart("curves").transform_flatten(fields)
    subject = everyone.transform_filter("datum.c == row")

    def line(chart: alt.Chart, field: str, **mark: Any) -> alt.Chart:
        y = alt.Y(f"{field}:Q", scale=scale, axis=alt.Axis(title=None, tickCount=4))
        return chart.mark_line(clip=True, **mark).encode(x=_epochs(), y=y)

    layers = [
        line(everyone, f"{main}_mean", strokeWidth=1).encode(
            detail=alt.Detail("c:N"), color=alt.ColorValue(palette.context)
        ),
        subject.mark_area(opacity=0.16, clip=True).encode(
            x=_epochs(),
            y=alt.Y(f"{main}_low:Q", scale=scale),
            y2=alt.Y2(f"{main}_high:Q"),
            color=_colour(palette),
        ),
        line(subject, f"{main}_mean", strokeWidth=2).encode(color=_colour(palette)),
    ]
    if quantity != "metric":
        dashes = line(subject, "train_loss_mean", strokeWidth=1.5, strokeDash=[4, 3])
        layers.insert(2, dashes.encode(color=_colour(palette)))
    tips = subject.mark_point(opacity=0, size=60).encode(
        x=_epochs(), y=alt.Y(f"{main}_mean:Q", scale=scale), tooltip=_tips(*map(str, fields))
    )
    return _panel([*layers, tips], {"curves": records}, row, palette, PANEL_HEIGHT)


def sweep(view: View, row: int, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw one candidate's tuning: mean score over the rates, every run a dot, the choice ringed.

    The rates that are as good as the choice, within the margin, are shaded.
    """
    records, runs = chart_data.sweep(view), chart_data.sweep_runs(view)
    domain = chart_data.padded(chart_data.limits([r["mean"] for r in records] + [r["score"] for r in runs]))
    rates = [r["lr"] for r in records]
    x_scale = alt.Scale(type="log", domain=[min(rates) / 1.3, max(rates) * 1.3], nice=False)
    x_axis = alt.Axis(title="learning rate", format="~g", tickCount=4, labelOverlap="greedy")
    x, low = (alt.X(f"{field}:Q", scale=x_scale, axis=x_axis) for field in ("lr", "low"))

    def y(field: str) -> alt.Y:
        scale = alt.Scale(domain=domain, zero=False, nice=False)
        return alt.Y(f"{field}:Q", scale=scale, axis=alt.Axis(title=None, tickCount=4))

    everyone = _chart("sweep")
    subject = everyone.transform_filter("datum.c == row")
    lost = subject.transform_filter("datum.lost > 0").encode(x=x, y=alt.YValue(alt.ExprRef("height - 7")))
    as_good = _chart("rate_ranges").transform_filter("datum.c == row").mark_rect(clip=True)
    layers = [
        as_good.encode(x=low, x2=alt.X2("high:Q"), color=alt.ColorValue(palette.grid)),
        everyone.mark_line(strokeWidth=1, clip=True).encode(
            x=x, y=y("mean"), detail=alt.Detail("c:N"), color=alt.ColorValue(palette.context)
        ),
        _chart("sweep_runs")
        .transform_filter("datum.c == row")
        .mark_circle(size=14, opacity=0.5, clip=True)
        .encode(x=x, y=y("score"), color=alt.ColorValue(palette.muted)),
        subject.mark_line(strokeWidth=2, clip=True).encode(x=x, y=y("mean"), color=_colour(palette)),
        subject.transform_filter("datum.chosen")
        .mark_point(size=130, strokeWidth=2.5, filled=False, opacity=1)
        .encode(x=x, y=y("mean"), color=_colour(palette)),
        lost.mark_point(shape="cross", angle=45, size=60, filled=True, opacity=1).encode(
            color=alt.ColorValue(palette.warn), tooltip=_tips("lr", "lost")
        ),
        subject.mark_point(opacity=0, size=80).encode(x=x, y=y("mean"), tooltip=_tips("lr", "mean")),
    ]
    data = {"sweep": records, "sweep_runs": runs, "rate_ranges": chart_data.rate_ranges(view)}
    return _panel(layers, data, row, palette, PANEL_HEIGHT)


def _dots(rows: int, domain: list[float], title: str, palette: Palette) -> alt.Chart:
    """Draw one dot per run."""
    dots = _chart("runs").mark_circle(size=16, opacity=0.5, clip=True)
    return dots.encode(
        x=_x("score", title, domain),
        y=_y(rows),
        color=alt.ColorValue(palette.muted),
        tooltip=_tips("name", "run", "score"),
    )


def _bars(rows: int, domain: list[float], title: str, palette: Palette) -> alt.Chart:
    """Draw bars as high as the number of runs with about the same score."""
    bars = _chart("runs").mark_rect(opacity=0.5, clip=True)
    return bars.encode(
        x=_x("low", title, domain),
        x2=alt.X2("high:Q"),
        y=_y(rows, "top"),
        y2=alt.Y2("bottom:Q"),
        color=alt.ColorValue(palette.muted),
        tooltip=_tips("name", "runs", "low", "high"),
    )


def _estimates(data: str, rows: int, domain: list[float], title: str, palette: Palette) -> list[alt.Chart]:
    """Draw name, number, interval and mean of each row; names give way to numbers when space is short."""
    base, x = _chart(data), _x("mean", title, domain)
    words = {"baseline": "middle", "fontSize": 12}
    return [
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=3, clip=True)
        .encode(x=_x("low", title, domain), x2=alt.X2("high:Q"), y=_y(rows), color=_colour(palette)),
        base.transform_filter("isValid(datum.mean)")
        .mark_point(shape="diamond", filled=True, size=120, opacity=1, clip=True)
        .encode(x=x, y=_y(rows), color=_colour(palette), tooltip=_tips("name", "text")),
        base.mark_text(align="left", limit=alt.ExprRef("width - 190"), fontWeight=600, **words).encode(
            x=alt.XValue(2), y=_y(rows, "label"), text=alt.Text("name:N"), color=_colour(palette)
        ),
        base.mark_text(align="right", **words).encode(
            x=alt.XValue("width"),
            y=_y(rows, "label"),
            text=alt.Text("text:N"),
            color=alt.ColorValue(palette.muted),
        ),
    ]


def _upright(data: str, domain: list[float], title: str, palette: Palette) -> alt.Chart:
    """Draw a dashed vertical line at `at`."""
    rule = _chart(data).mark_rule(strokeDash=[3, 3])
    return rule.encode(x=_x("at", title, domain), color=alt.ColorValue(palette.muted))


def _chart(data: str) -> alt.Chart:
    """Begin a layer on data by name; `finish` brings the data, once for all layers."""
    return alt.Chart(alt.NamedData(data))


def _x(field: str, title: str, domain: list[float]) -> alt.X:
    axis = alt.Axis(title=title, tickCount=6, labelOverlap="greedy")
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=domain, nice=False, zero=False), axis=axis)


def _epochs() -> alt.X:
    return alt.X("epoch:Q", axis=alt.Axis(title="epoch", tickCount=5), scale=alt.Scale(nice=False))


def _y(rows: int, field: str = "y") -> alt.Y:
    """Place by row number, the first row on top."""
    scale = alt.Scale(domain=[rows - 0.5, -0.5], nice=False, zero=False)
    return alt.Y(f"{field}:Q", scale=scale, axis=None)


def _colour(palette: Palette) -> Any:
    return alt.condition("datum.use", alt.value(palette.accent), alt.value(palette.ink))


def _tips(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:N", title=field.replace("_", " ")) for field in fields]


def _panel(layers: list[alt.Chart], data: Data, row: int, palette: Palette, height: int) -> alt.LayerChart:
    finished = finish(layers, data, palette, height)
    finished["params"] = [alt.VariableParameter(name="row", value=row)]
    return finished
