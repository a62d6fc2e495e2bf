"""Ten tables of different kinds, as people have them: bundled with scikit-learn, or made with blemishes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas
from sklearn import datasets


class Table(NamedTuple):
    """A file: its name, how it is written, the target, and the kind and number of features it must have."""

    file: str
    write: Callable[[Path], None]
    target: str
    kind: str
    features: int


def _csv(loader: Callable[..., datasets.base.Bunch]) -> Callable[[Path], None]:
    return lambda path: loader(as_frame=True).frame.to_csv(path, index=False)


def _parquet(loader: Callable[..., datasets.base.Bunch]) -> Callable[[Path], None]:
    return lambda path: loader(as_frame=True).frame.to_parquet(path)


def _named_irises(path: Path) -> None:
    bunch = datasets.load_iris(as_frame=True)
    species = bunch.target_names[bunch.target]
    bunch.data.assign(species=species).to_csv(path, sep="\t", index=False)


def mixed(rows: int = 120) -> pandas.DataFrame:
    """A table with gaps, texts, truth values, a constant column and an unnamed index."""
    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, rows).astype(float)
    fare = rng.gamma(2, 20, rows).round(2)
    port = rng.choice(["Southampton", "Cherbourg", "Queenstown"], rows).astype(object)
    survived = np.where(age + fare + rng.normal(0, 20, rows) > 90, "yes", "no")
    age[::7], port[::11] = np.nan, None
    return pandas.DataFrame(
        {"age": age, "fare": fare, "port": port, "alone": rng.random(rows) < 0.5, "ship": "Titanic",
         "survived": survived}
    )  # fmt: skip


def _decimal_commas(path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = pandas.DataFrame(rng.normal(size=(90, 3)).round(3), columns=["länge", "breite", "höhe"])
    frame["preis"] = (frame.sum(axis=1) + rng.normal(0, 0.1, 90)).round(2)
    frame.to_csv(path, sep=";", decimal=",", index=False)


def _several_labels(path: Path) -> None:
    x, y = datasets.make_multilabel_classification(100, 6, n_classes=3, random_state=0)
    frame = pandas.DataFrame(x, columns=[f"word {i}" for i in range(6)])
    frame[["news", "sport", "science"]] = y
    frame.to_csv(path, index=False)


def _truth_values(path: Path) -> None:
    rng = np.random.default_rng(2)
    frame = pandas.DataFrame(rng.random((80, 4)) < 0.5, columns=list("abcd"))
    frame.assign(odd=frame.sum(axis=1) % 2 == 1).to_csv(path, index=False)


TABLES = (
    Table("iris.tsv", _named_irises, "species", "multiclass", 4),
    Table("wine.csv", _csv(datasets.load_wine), "target", "multiclass", 13),
    Table("breast-cancer.parquet", _parquet(datasets.load_breast_cancer), "target", "binary", 30),
    Table("digits.csv", _csv(datasets.load_digits), "target", "multiclass", 61),
    Table("diabetes.csv", _csv(datasets.load_diabetes), "target", "regression", 10),
    Table("linnerud.parquet", _parquet(datasets.load_linnerud), "Weight,Waist,Pulse", "regression", 3),
    Table("mixed.csv", lambda path: mixed().to_csv(path), "survived", "binary", 7),
    Table("decimal-commas.csv", _decimal_commas, "preis", "regression", 3),
    Table("labels.csv", _several_labels, "news,sport,science", "multilabel", 6),
    Table("truth.csv", _truth_values, "odd", "binary", 4),
)
