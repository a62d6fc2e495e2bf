"""Write the pictures of rates.md: maps of Ionosphere and Fashion-MNIST, and the law along the batch size.

    python docs/make_rates.py [--fashion FOLDER]

The runs take seconds, and some minutes with the files of Fashion-MNIST. The tests do not make them again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from make_libraries import DOCS

import stepsize as ss
from stepsize.rate_map.answer import MapAnswer
from stepsize.report import rate_map_page
from stepsize.report.page_templates import inline, template
from stepsize.report.terminal.rate_map import scale_of

IMAGES = DOCS / "images"
LIGHT = (
    "--paper: #ffffff; --ink: #1f2328; --muted: #59636e; --context: #c3c9d0; --grid: #e6e9ec; "
    "--raised: #f6f7f9; --accent: #0a63b0; --accent-soft: #e8f1fa; --warn: #a8480a; --warn-soft: #fdf3ea;"
)
DARK = (
    "--paper: #0d1117; --ink: #e6e8eb; --muted: #9aa4af; --context: #4a525c; --grid: #2a3037; "
    "--raised: #161b22; --accent: #6cb6ff; --accent-soft: #15273a; --warn: #f0a35e; --warn-soft: #2b2018;"
)
STYLE = (
    f"svg {{ {LIGHT} font-family: system-ui, sans-serif; }}"
    f"@media (prefers-color-scheme: dark) {{ svg {{ {DARK} }} }}"
)
ROW = 124  # the height of a row of panels, with its captions
GAP = 16


def picture(each: MapAnswer, protocol: dict) -> str:
    """Return the score over the rate as an SVG file."""
    macros = template("rate_map_macros.html.jinja").module
    size = (rate_map_page.WIDTH, rate_map_page.HEIGHT)
    frame = (
        rate_map_page.LEFT,
        rate_map_page.TOP,
        size[0] - rate_map_page.RIGHT,
        size[1] - rate_map_page.BOTTOM,
    )
    scale = scale_of(protocol, each)
    shown = {"picture": rate_map_page.picture(each, scale), "scale": scale, "sentence": each["sentence"]}
    svg = str(macros.picture(shown, size, frame)).strip()
    style = f"<style>{STYLE}{inline('rate_map.css')}</style>"
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f">{style}", 1)


def panels(each: MapAnswer, columns: int) -> str:
    """Return the losses of every rate as an SVG file."""
    width, height = rate_map_page.PANEL
    shown = rate_map_page.panels(each)
    rows = -(-len(shown) // columns)
    parts = []
    for number, panel in enumerate(shown):
        x, y = number % columns * (width + GAP), number // columns * ROW
        kind = ' class="best"' if panel.row["word"] == "best" else ""
        parts.append(
            f'<g{kind} transform="translate({x} {y})"><text y="14" font-size="13">'
            f'<tspan font-weight="700">{panel.rate}</tspan> {panel.row["word"]}</text>'
            f'<g class="loss" transform="translate(0 26)"><path class="grid" d="M0 {height}H{width}"/>'
            f'<path class="training" d="{panel.training}"/>'
            f'<path class="validation" d="{panel.validation}"/></g></g>'
        )
    own = "text { fill: var(--ink); } .best text { fill: var(--accent); } path { fill: none; }"
    lines = inline("rate_map.css").replace("svg.loss", ".loss")
    box = f"0 0 {columns * (width + GAP) - GAP} {rows * ROW}"
    words = ", ".join(f"{panel.rate} {panel.row['word']}" for panel in shown)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" aria-label="Losses: {words}">'
        f"<style>{STYLE}{lines}{own}</style>{''.join(parts)}</svg>\n"
    )


def main() -> None:
    """Make the runs, and write the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fashion", metavar="FOLDER", help="the files of Fashion-MNIST")
    options = parser.parse_args()
    result = ss.find("ionosphere", store=":memory:")
    (each,), protocol = result.answer["maps"], result.answer["study"]["protocol"]
    write("rates-ionosphere.svg", picture(each, protocol))
    write("losses-ionosphere.svg", panels(each, 4))
    laws = ss.scale("ionosphere", {"batch_size": [8, 16, 32, 64, 128]}, hold="both", store=":memory:")
    for file, drawn in (
        ("scale-ionosphere.svg", laws.epochs.plot()),
        ("scale-both-ionosphere.svg", laws.plot()),
    ):
        assert drawn is not None
        write(file, drawn.svg)
    print(laws.epochs, laws, sep="\n")
    if options.fashion:
        rates = [0.001, 0.01, 0.1]
        result = ss.find(
            "lesson-fashion-mnist", folder=options.fashion, rates=rates, seeds=3, store=":memory:"
        )
        write("losses-fashion-mnist.svg", panels(result.answer["maps"][0], 3))
    print(result)


def write(name: str, text: str) -> Path:
    """Write a picture and return its path."""
    path = IMAGES / name
    path.write_text(text.rstrip() + "\n")
    return path


if __name__ == "__main__":
    main()
