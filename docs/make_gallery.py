"""Write gallery.md and its pictures from the code: every family, its formula and its source."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import numpy as np
from make_libraries import DOCS, LIBRARIES, OURS, code, names
from numpy.typing import NDArray

from stepsize.schedules import Schedule, one_cycle_momentum, parse, picture, register
from stepsize.schedules.family import Family

IMAGES = DOCS / "images" / "gallery"
EPOCHS, UPDATES_PER_EPOCH = 50, 20

EXAMPLES = {
    "chebyshev": "chebyshev(0.1, floor=0.01, every=2*epochs)",
    "clip": "clip(inverse_sqrt(0.1, timescale=3*epochs), floor=0.03)",
    "constant": "constant(0.1)",
    "cosine": "cosine(0.1, floor=0.001)",
    "cosine_restarts": "cosine_restarts(0.1, first=7*epochs, growth=2, factor=0.8)",
    "custom": '0.1 * custom("cubed")',
    "exp_range": "exp_range(0.1, factor=0.998, floor=0.01, up=5*epochs)",
    "exponential": "exponential(0.1, floor=0.001)",
    "flat_cosine": "flat_cosine(0.1)",
    "hyperbolic": "hyperbolic(0.1, bound=1.5*run)",
    "inverse_sqrt": "inverse_sqrt(0.1, timescale=5*epochs)",
    "inverse_time": "inverse_time(0.1, rate=0.1, every=1*epochs)",
    "k_decay": "k_decay(0.1, k=2)",
    "linear": "linear(0.1)",
    "linear_cosine": "linear_cosine(0.1, periods=3)",
    "multistep": "multistep(0.1, factor=0.3, at=[20*epochs, 0.8*run])",
    "natural_exponential": "natural_exponential(0.1, rate=0.1, every=1*epochs)",
    "noam": "noam(1, d_model=512, warmup=10*epochs)",
    "noise": "cosine(0.1) * noise(0.2, every=1*epochs)",
    "on_threshold": "constant(0.1) * on_threshold(factor=0.5, threshold=0.02, cooldown=5)",
    "one_cycle": "one_cycle(0.1)",
    "one_cycle_momentum": "one_cycle_momentum(0.95)",
    "per_epoch": "per_epoch(cosine(0.1))",
    "piecewise_constant": "piecewise_constant([0.05, 0.1, 0.02], at=[10*epochs, 0.7*run])",
    "piecewise_interpolated": "piecewise_interpolated([0.01, 0.1, 0.02, 0], at=[10*epochs, 0.7*run, 1*run])",
    "plateau": "constant(0.1) * plateau(factor=0.5, patience=3, threshold=0.01)",
    "polynomial": "polynomial(0.1, power=2)",
    "power_law": "power_law(0.1, power=0.7, timescale=5*epochs)",
    "repeat": "repeat(linear(0.1, length=10*epochs), factor=0.7)",
    "rescale": "rescale(warmup(5*epochs) >> cosine(0.1), peak=0.2)",
    "resumed": ('resumed(cosine(0.1), then=linear(1), at=20*epochs, planned=50*epochs, policy="branch")'),
    "rex": "rex(0.1)",
    "sawtooth": "sawtooth(0.1, floor=0.01, every=10*epochs, cycle_factor=0.8)",
    "sigmoid": "sigmoid(0.1)",
    "sine": "sine(0.1, floor=0.01, up=5*epochs, cycle_factor=0.8)",
    "slanted_triangular": "slanted_triangular(0.1)",
    "step_decay": "step_decay(0.1, factor=0.5, every=10*epochs)",
    "tanh": "tanh(0.1)",
    "triangular": "triangular(0.1, floor=0.01, up=5*epochs)",
    "triangular2": "triangular2(0.1, floor=0.01, up=5*epochs)",
    "two_way": "constant(0.1) * two_way(factor=0.8, growth=1.3, threshold=0.01)",
    "warmup": "warmup(10*epochs) >> constant(0.1)",
    "wsd": 'wsd(0.1, decay=0.3*run, shape="1-sqrt")',
}
"""One example of every family, as it is drawn."""

register("cubed", lambda t, horizon: (1 - t / horizon) ** 3)

HEAD = f"""# A gallery of schedules

Every family of the package, drawn for a run of {EPOCHS} epochs of {UPDATES_PER_EPOCH} updates. [Other
libraries](libraries.md) has the calls that give the same rates elsewhere.

"""
FOOT = "\nThis page is made by `python docs/make_gallery.py` from the code.\n"


def page() -> str:
    """Return the text of gallery.md."""
    contents = ", ".join(f"[{name}](#{name})" for name in sorted(OURS))
    sections = [_section(name, family) for name, family in sorted(OURS.items())]
    return HEAD + contents + "\n\n" + "\n\n".join(sections) + "\n" + FOOT


def pictures() -> dict[Path, str]:
    """Return the SVG of every family by its path."""
    return {IMAGES / f"{name}.svg": _picture(parse(EXAMPLES[name])) for name in EXAMPLES}


def _section(name: str, family: type[Family]) -> str:
    elsewhere = [
        f"{library} {', '.join(map(code, calls))}" for library in LIBRARIES if (calls := names(name, library))
    ]
    return "\n\n".join(
        [
            f"## {name}",
            f"![{name}: rate against epoch](images/gallery/{name}.svg)",
            f"`{name}{_signature(family)}`",
            markdown(inspect.getdoc(family) or ""),
            f"Elsewhere: {'; '.join(elsewhere) or 'in none of the libraries compared'}.",
        ]
    )


def _signature(family: type[Family]) -> str:
    """Return the parameters with their defaults, without the annotations."""
    signature = inspect.signature(family)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def markdown(doc: str) -> str:
    """Return a docstring as Markdown: examples as code, and no character of a formula as markup."""
    blocks = []
    for block in re.split(r"\n\s*\n", doc):
        if block.startswith(">>>"):
            blocks.append(f"```python\n{block}\n```")
        else:
            parts = block.split("`")  # every second part is code
            parts[::2] = [re.sub(r"([*_<>\\])", r"\\\1", part) for part in parts[::2]]
            blocks.append("\n".join(textwrap.wrap("`".join(parts), 110, break_on_hyphens=False)))
    return "\n\n".join(blocks)


def _picture(schedule: Schedule) -> str:
    plan = schedule.plan(epochs=EPOCHS, updates_per_epoch=UPDATES_PER_EPOCH)
    if schedule.metric_factor is None:
        shown = "momentum" if isinstance(schedule, one_cycle_momentum) else "learning rate"
        return picture.svg([plan], shown)
    losses = _losses()
    rule = schedule.metric_factor
    state, multipliers = rule.init(), []
    for loss in losses:
        multipliers.append(float(rule.multiplier(state)))
        state = rule.observe(state, loss)
    rates = plan.values * np.repeat(multipliers, UPDATES_PER_EPOCH)
    watched = np.repeat(losses / losses.max() * plan.values.max(), UPDATES_PER_EPOCH)
    drawn = [
        picture.Curve(str(schedule), rates, UPDATES_PER_EPOCH),
        picture.Curve("a loss for it to watch, scaled to the picture", watched, UPDATES_PER_EPOCH),
    ]
    return picture.curves(drawn, "learning rate")


def _losses() -> NDArray[np.float64]:
    """Return one loss per epoch, which falls in three bouts and creeps up after each."""
    epoch = np.arange(EPOCHS)
    bouts = [0.3 * np.exp(-np.maximum(epoch - start, 0) / 2) for start in (0, 16, 33)]
    return 0.1 + np.sum(bouts, axis=0) + 0.002 * (epoch % 16)


if __name__ == "__main__":
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")
    IMAGES.mkdir(parents=True, exist_ok=True)
    for path, drawn in pictures().items():
        path.write_text(drawn, encoding="utf-8")
