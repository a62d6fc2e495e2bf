"""How every picture looks: colours and axes; and its data kept apart from its specification.

`PAGE` uses the page's CSS variables, so a chart follows light, dark and print without being drawn again;
`LIGHT` has the same colours as numbers, for PNG and SVG files.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from stepsize.errors import MissingExtra

try:
    import altair as alt
    from altair.utils.schemapi import debug_mode
except ImportError as error:  # pragma: no cover - the message is all there is
    raise MissingExtra("altair", "report") from error


@dataclass(frozen=True)
class Palette:
    """The colours of a picture."""

    ink: str
    muted: str
    context: str
    grid: str
    accent: str
    warn: str


LIGHT = Palette("#1f2328", "#59636e", "#c3c9d0", "#e6e9ec", "#0a63b0", "#a8480a")
PAGE = Palette(*(f"var(--{name})" for name in ("ink", "muted", "context", "grid", "accent", "warn")))

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
Data = dict[str, list[dict[str, Any]]]


def unchecked() -> AbstractContextManager[None]:
    """Make charts without checking each piece against Altair's schema: the same charts, twice as fast."""
    return debug_mode(False)


def apart(chart: alt.LayerChart) -> tuple[dict[str, Any], Data]:
    """Return the specification without its data, and the data by name, so that charts can share them."""
    bare = chart.copy(deep=False)
    bare["datasets"] = alt.Undefined
    return bare.to_dict(validate=False), chart["datasets"]


def finish(layers: list[alt.Chart], data: Data, palette: Palette, height: int) -> alt.LayerChart:
    """Return the layers as one chart with data, size, and the look that all pictures share."""
    axis = alt.AxisConfig(
        domain=False, ticks=False, gridColor=palette.grid, labelColor=palette.muted, titleColor=palette.muted,
        labelFontSize=11, titleFontSize=11, titleFontWeight="normal", labelPadding=5, titlePadding=6,
    )  # fmt: skip
    config = alt.Config(
        background="transparent",
        font=FONT,
        axis=axis,
        padding=2,
        aria=False,
        view=alt.ViewConfig(stroke=None),
    )
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    finished = alt.LayerChart(layer=layers, width="container", height=height, autosize=fit, config=config)
    finished["datasets"] = data  # set as it is: Altair would check every number against its schema
    return finished
