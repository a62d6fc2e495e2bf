"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stepsize.cli.help import problem_names

DATA, TRAINING, VERDICT = "Data", "Model and training", "How it is judged"  # the panels of the help
PLACE, OUTPUT = "Where it runs", "Files and output"

ProblemName = Annotated[
    str,
    typer.Argument(
        help="A built-in name (ionosphere), data (table.csv), a study file (study.toml), or a training "
        "function (package.module:train).",
        autocompletion=problem_names,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        help="Column to predict: its name, or its number (-1 is the last); several with commas.",
        rich_help_panel=DATA,
    ),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row holds the names of the columns; recognised by default.",
        rich_help_panel=DATA,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        help="binary, multiclass, multilabel or regression; recognised by default.", rich_help_panel=DATA
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(help="Column to leave out, by name or number; repeatable.", rich_help_panel=DATA),
]
Groups = Annotated[
    str | None,
    typer.Option(
        help="Column naming groups that must not be split between training and validation.",
        rich_help_panel=DATA,
    ),
]
Order = Annotated[
    str | None, typer.Option(help="Column of times; the latest rows validate.", rich_help_panel=DATA)
]
Part = Annotated[
    str | None, typer.Option(help="Column with the values train, valid and test.", rich_help_panel=DATA)
]
Weights = Annotated[
    str | None, typer.Option(help="Column of row weights in the training loss.", rich_help_panel=DATA)
]
Prepare = Annotated[
    bool | None,
    typer.Option(
        "--prepare/--no-prepare",
        help="Fill missing numbers and scale inputs; by default only for a model given as text.",
        rich_help_panel=DATA,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="mlp(128, 64, dropout=0.2), package.module:factory (Keras or PyTorch), or a .keras file.",
        rich_help_panel=TRAINING,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="mlp(128, 64, dropout=0.2), package.module:factory (Keras or PyTorch), or a .keras file; "
        "repeatable, to compare models.",
        rich_help_panel=TRAINING,
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        help="Loss of a PyTorch model: CrossEntropyLoss, or package.module:loss.", rich_help_panel=TRAINING
    ),
]
Optimizer = Annotated[
    str | None,
    typer.Option(help="Optimizer, such as AdamW or 'AdamW(weight_decay=0.01)'.", rich_help_panel=TRAINING),
]
Optimizers = Annotated[
    list[str] | None,
    typer.Option(
        "--optimizer",
        help="Optimizer, such as AdamW or 'AdamW(weight_decay=0.01)'; repeatable, to compare optimizers.",
        rich_help_panel=TRAINING,
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Epochs of every run.", rich_help_panel=TRAINING)]
BatchSize = Annotated[int | None, typer.Option(help="Rows per batch.", rich_help_panel=TRAINING)]
Split = Annotated[
    str | None,
    typer.Option(
        help="stratified, random, groups, time, column, kfold, lesson or test.", rich_help_panel=VERDICT
    ),
]
Validation = Annotated[
    float | None,
    typer.Option(help="Share of the rows used for validation, such as 0.25.", rich_help_panel=VERDICT),
]
Folds = Annotated[
    int | None,
    typer.Option(
        help="Folds of a cross-validation; the number of seeds must be a multiple.", rich_help_panel=VERDICT
    ),
]
Rows = Annotated[
    float | None,
    typer.Option(
        help="Training rows to use: a number, or a share below 1; all by default.", rich_help_panel=VERDICT
    ),
]
Metric = Annotated[
    str | None, typer.Option(help="Metric that scores a run, such as auc.", rich_help_panel=VERDICT)
]
Mode = Annotated[
    str | None,
    typer.Option(help="max or min: which direction of the metric is better.", rich_help_panel=VERDICT),
]
Margin = Annotated[
    float | None, typer.Option(help="Smallest difference that matters.", rich_help_panel=VERDICT)
]
UpdatesPerEpoch = Annotated[
    int | None,
    typer.Option(
        help="Optimizer updates per epoch of a training function; counted by default.",
        rich_help_panel=TRAINING,
    ),
]
Folder = Annotated[
    str | None,
    typer.Option("--data", help="Folder with the IDX files of Fashion-MNIST.", rich_help_panel=DATA),
]
Name = Annotated[
    str | None, typer.Option(help="Name of the study, its store and its report.", rich_help_panel=OUTPUT)
]
Store = Annotated[Path | None, typer.Option(help="File that keeps the runs.", rich_help_panel=OUTPUT)]
Executor = Annotated[
    str,
    typer.Option(help="Where the runs are trained: local, or ray for a Ray cluster.", rich_help_panel=PLACE),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Address of the Ray cluster, such as auto or 10.0.0.1:6379; by default Ray starts here.",
        rich_help_panel=PLACE,
    ),
]
LogTo = Annotated[
    list[str] | None,
    typer.Option(
        help="Experiment tracker that gets the finished study, such as tensorboard:runs, mlflow, "
        "wandb:PROJECT or trackio:PROJECT; repeatable.",
        rich_help_panel=OUTPUT,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.", rich_help_panel=OUTPUT)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.", rich_help_panel=OUTPUT)]
