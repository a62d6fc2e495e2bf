"""`stepsize preview` and `stepsize export`: schedules without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepsize.cli.help import examples, targets
from stepsize.cli.optimizer_text import read_optimizer
from stepsize.cli.terminal import ascii_only, say, width
from stepsize.errors import ScheduleError
from stepsize.output_files import CODE, write_output

if TYPE_CHECKING:
    from stepsize.schedules import Plan

SHOWN_RATE = 0.1  # of a free lr in a preview

Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs of the run; a preview shows 50.")]
Updates = Annotated[
    int | None, typer.Option(min=1, help="Total optimizer updates (use instead of --epochs).")
]
PerEpoch = Annotated[int | None, typer.Option(min=1, help="Optimizer updates per epoch; a preview shows 1.")]
FreeRate = Annotated[float | None, typer.Option(help="The rate for a free lr; a preview shows 0.1.")]


def preview(
    specs: Annotated[list[str], typer.Argument(help="Schedules, such as 'warmup(5*epochs) >> cosine(0.1)'.")],
    epochs: Epochs = None,
    updates: Updates = None,
    updates_per_epoch: PerEpoch = None,
    lr: FreeRate = None,
    output: Annotated[Path | None, typer.Option(help="File for the picture: .png, .svg or .html.")] = None,
) -> None:
    """Show schedules before training with them: lengths in updates, phases, first and last rates."""
    from stepsize.report import preview as pictures
    from stepsize.schedules import parse

    plans = _planned(specs, epochs, updates, updates_per_epoch, lr)
    if output is not None:
        pictures.draw(plans, output)
        say(f"Picture: {output}")
    if lr is None and any(parse(spec).knobs for spec in specs):
        say(f"The free lr is shown as {SHOWN_RATE:g}; --lr sets it.")
    typer.echo(pictures.text(plans, width(), ascii=ascii_only()))


preview.__doc__ = f"{preview.__doc__}\n\n" + examples(
    "stepsize preview 'warmup(5*epochs) >> cosine(0.1)' --epochs 50 --updates-per-epoch 9",
    "stepsize preview 'cosine(0.1)' 'linear(0.1)' --output picture.png",
)


def export(
    spec: Annotated[str, typer.Argument(help="A schedule, such as 'warmup(5*epochs) >> cosine(0.1)'.")],
    to: Annotated[
        str,
        typer.Option(help="keras, torch, optax, transformers or plain.", autocompletion=targets),
    ],
    epochs: Epochs = None,
    updates: Updates = None,
    updates_per_epoch: PerEpoch = None,
    lr: FreeRate = None,
    optimizer: Annotated[
        str | None, typer.Option(help="Optimizer to write as well, such as 'sgd(momentum=0.9)'.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the code; standard output by default.")
    ] = None,
) -> None:
    """Write a schedule as code for another library; the code does not need stepsize."""
    from stepsize.export import export as code
    from stepsize.schedules import constant, parse

    schedule = parse(spec)
    if lr is None and "lr" in schedule.knobs:
        raise ScheduleError(f"{spec} has a free lr; write its rate, such as --lr 0.1")
    if updates is None and None in (epochs, updates_per_epoch) and not isinstance(schedule, constant):
        raise ScheduleError(
            f"{spec} depends on the length of your run; write --epochs N and --updates-per-epoch N, with the "
            "batches of one epoch, or --updates N"
        )
    (plan,) = _planned([spec], epochs, updates, updates_per_epoch, lr)
    text = code(plan, to, read_optimizer(optimizer))
    if output is None:
        typer.echo(text, nl=False)
        return
    write_output("output", output, CODE, text)
    say(f"Code: {output}")


export.__doc__ = f"{export.__doc__}\n\n" + examples(
    "stepsize export 'cosine(0.1)' --to torch --epochs 50 --updates-per-epoch 9",
    "stepsize export 'constant(0.4)' --to keras --optimizer 'sgd(momentum=0.8)'",
)


def _planned(
    specs: list[str],
    epochs: int | None,
    updates: int | None,
    updates_per_epoch: int | None,
    lr: float | None,
) -> list[Plan]:
    """Return the plans of schedules for the run that the options describe."""
    from stepsize.schedules import parse
    from stepsize.schedules.phases import counts_epochs

    parsed = [parse(spec) for spec in specs]
    for each in parsed:
        if others := sorted(each.knobs - {"lr"}):
            raise ScheduleError(f"{each}: {others[0]} is a free name; write a number in its place")
    if epochs is not None and updates is not None:
        raise ScheduleError(
            f"--epochs {epochs} and --updates {updates} both set the length of the run; give one of them"
        )
    if updates is None:
        epochs = 50 if epochs is None else epochs
        updates_per_epoch = 1 if updates_per_epoch is None else updates_per_epoch
    in_epochs = [str(each) for each in parsed if counts_epochs(each)]
    if in_epochs and updates_per_epoch is None:
        raise ScheduleError(
            f"{in_epochs[0]} counts epochs; write --updates {updates} --updates-per-epoch N, "
            "with N the updates of one epoch"
        )
    if lr is not None and not any(each.knobs for each in parsed):
        raise ScheduleError(f"--lr {lr:g} has no effect; write lr in a schedule, such as cosine(lr)")
    rate = SHOWN_RATE if lr is None else lr
    if not 0 < rate < float("inf"):
        raise ScheduleError(f"--lr {rate:g} is not allowed; write a finite number above 0")
    return [
        (each.bind(lr=rate) if each.knobs else each).plan(
            epochs=epochs, updates=updates, updates_per_epoch=updates_per_epoch
        )
        for each in parsed
    ]
