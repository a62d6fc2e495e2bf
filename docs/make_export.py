"""Write export.md: what every family becomes in every library, and what is refused, from the code itself."""

from __future__ import annotations

import re

from make_gallery import EPOCHS, EXAMPLES, UPDATES_PER_EPOCH
from make_libraries import DOCS, OURS, code, table

from stepsize.errors import ScheduleError
from stepsize.export import TARGETS, export
from stepsize.schedules import parse

REFUSED = {
    '0.1 * custom("cubed")': "plain",
    "cosine(0.1) * plateau(factor=0.5)": "torch",
    "constant(0.1) * plateau(factor=0.5)": "keras",
    "constant(0.1) * plateau(factor=0.5, patience=5)": "optax",
    "constant(0.1) * plateau(factor=0.5, patience=3)": "plain",
    "constant(0.1) * on_threshold()": "torch",
    "constant(0.1) * two_way()": "transformers",
    "keras_restarts(0.1, first_decay_steps=10*epochs)": "torch",
    "torch_chained([linear(0.1), cosine(0.1)], base=0.1)": "keras",
    "timm_cosine(0.1, t_initial=50*epochs)": "torch",
}
"""What cannot be expressed, each with one target that refuses it."""

HEAD = """# Export

`stepsize export SPEC --to keras|torch|optax|transformers|plain` writes a schedule as code of another library,
which does not need this package; `stepsize.export.export(plan, to="torch")` does the same in Python.

```sh
stepsize export "warmup(5*epochs) >> cosine(0.1)" --to torch --updates-per-epoch 9 --output rates.py
```

Where the library has a schedule of its own with the same rates in this run, the code calls it. Otherwise
it is the formula in plain Python, `learning_rate(update)`: `torch` and `transformers` put it into `LambdaLR`,
and `keras` and `optax` look its values up in a table, because they work in float32, where a formula loses
digits, and where compiled code may drop a staircase one update late (41 / 41 comes out below 1) or take
the root of a number just below 0.

Before it is handed out, every formula is run and compared with the plan, at every update up to 100,000 of
them; the tests run the code of every family in every library and compare every rate.

- Rates are equal up to rounding: to float64 in `plain`, `torch` and `transformers`, to float32 in `keras` and
  `optax`.
- The number of the update counts completed steps of the optimizer, from 0. After the run a formula holds its
  end value, or does what `plan(after=...)` says; a library's own schedule follows its own rule.
- The optimizer of `torch` and `transformers` is made with `lr=BASE_RATE`, which the file says.
- `--optimizer "sgd(momentum=0.8)"`, or `export(plan, to, optimizer=...)` with the name and the settings in a
  dict, writes the optimizer as well, and the code needs only a `model`. The settings of one library are
  translated for another: of SGD, Adam, AdamW and RMSprop, with the defaults that differ written out. A
  comment names what the other library lacks.
- PyTorch's `SequentialLR` is never used: it cannot climb from 0, and it warns at each join.
- With `gradient_accumulation_steps=4`, Keras counts batches, not updates, so any schedule but a constant rate
  is refused: use `KerasSchedule(plan, accumulate=4)`.
- Knobs must be numbers: `--lr` sets a free `lr`. `noise` is a random stream of NumPy, so it needs NumPy.

## Every family

In a run of {epochs} epochs of {updates} updates. A dash means that it is refused.

{families}

## What is refused, and why

Every refusal is a `ScheduleError`, in one line on the command line.

{refused}

This page is made by `python docs/make_export.py` from the code.
"""
CALLED = r"import (\w+)\n\nBASE|(?:schedules|callbacks|optax)\.(\w+)\("


def cell(spec: str, to: str) -> str:
    """Return what a schedule becomes in a library."""
    try:
        text = export(parse(spec).plan(epochs=EPOCHS, updates_per_epoch=UPDATES_PER_EPOCH), to)
    except ScheduleError:
        return "–"
    if "def learning_rate" in text:
        return "formula"
    called = re.search(CALLED, text[text.index("\n\n") :])
    return code(called[1] or called[2]) if called else "the rate"


def reason(spec: str, to: str) -> str:
    """Return why a schedule is refused."""
    try:
        export(parse(spec).plan(epochs=EPOCHS, updates_per_epoch=UPDATES_PER_EPOCH), to)
    except ScheduleError as error:
        return str(error).partition(": ")[2]
    raise AssertionError(f"{spec} is not refused by {to}")


def page() -> str:
    """Return the text of export.md."""
    families = [[code(name), *(cell(EXAMPLES[name], to) for to in TARGETS)] for name in sorted(OURS)]
    refused = [[code(spec), to, reason(spec, to)] for spec, to in REFUSED.items()]
    return HEAD.format(
        epochs=EPOCHS,
        updates=UPDATES_PER_EPOCH,
        families=table(["family", *TARGETS], *families),
        refused=table(["schedule", "to", "reason"], *refused),
    )


if __name__ == "__main__":
    (DOCS / "export.md").write_text(page(), encoding="utf-8")
