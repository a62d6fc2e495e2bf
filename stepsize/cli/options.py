"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProblemName = Annotated[
    str,
    typer.Argument(
        help="A built-in name (ionosphere), data (table.csv), a study file (study.toml), or a training "
        "function (package.module:train)."
    ),
]
Target = Annotated[
    str | None,
    typer.Option(help="Column to predict: its name, or its number (-1 is the last); several with commas."),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row holds the names of the columns; recognised by default.",
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(help="binary, multiclass, multilabel or regression; recognised by default."),
]
Drop = Annotated[list[str] | None, typer.Option(help="Column to leave out, by name or number; repeatable.")]
Groups = Annotated[
    str | None,
    typer.Option(help="Column naming groups that must not be split between training and validation."),
]
Order = Annotated[str | None, typer.Option(help="Column of times; the latest rows validate.")]
Part = Annotated[str | None, typer.Option(help="Column with the values train, valid and test.")]
Weights = Annotated[str | None, typer.Option(help="Column of row weights in the training loss.")]
Prepare = Annotated[
    bool | None,
    typer.Option(
        "--prepare/--no-prepare",
        help="Fill missing numbers and scale inputs; by default only for a model given as text.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="mlp(128, 64, dropout=0.2), package.module:factory (Keras or PyTorch), or a .keras file."
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(help="Loss of a PyTorch model: CrossEntropyLoss, or package.module:loss."),
]
Optimizer = Annotated[
    str | None, typer.Option(help="Optimizer, such as AdamW or 'AdamW(weight_decay=0.01)'.")
]
Epochs = Annotated[int | None, typer.Option(help="Epochs of every run.")]
BatchSize = Annotated[int | None, typer.Option(help="Rows per batch.")]
Split = Annotated[
    str | None, typer.Option(help="stratified, random, groups, time, column, kfold, lesson or test.")
]
Validation = Annotated[
    float | None, typer.Option(help="Share of the rows used for validation, such as 0.25.")
]
Folds = Annotated[
    int | None, typer.Option(help="Folds of a cross-validation; the number of seeds must be a multiple.")
]
Metric = Annotated[str | None, typer.Option(help="Metric that scores a run, such as auc.")]
Mode = Annotated[str | None, typer.Option(help="max or min: which direction of the metric is better.")]
Margin = Annotated[float | None, typer.Option(help="Smallest difference that matters.")]
UpdatesPerEpoch = Annotated[
    int | None,
    typer.Option(help="Optimizer updates per epoch of a training function; counted by default."),
]
Folder = Annotated[str | None, typer.Option("--data", help="Folder with the IDX files of Fashion-MNIST.")]
Name = Annotated[str | None, typer.Option(help="Name of the study, its store and its report.")]
Store = Annotated[Path | None, typer.Option(help="File that keeps the runs.")]
Executor = Annotated[str, typer.Option(help="Where the runs are trained: local, or ray for a Ray cluster.")]
Address = Annotated[
    str | None,
    typer.Option(
        help="Address of the Ray cluster, such as auto or 10.0.0.1:6379; by default Ray starts here."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")]
