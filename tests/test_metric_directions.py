"""The table of directions: names as Keras, its logs and other people write them."""

from __future__ import annotations

import keras
import pytest

from stepsize.metric_directions import ALIASES, HIGHER, LOWER, direction
from stepsize.schedules import constant, plateau


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("val_loss", "min"),
        ("LOSS", "min"),
        ("head_loss", "min"),
        ("accuracy_loss", "min"),
        ("rmse", "min"),
        ("logloss", "min"),
        ("val_mae", "min"),
        ("val_kl_divergence", "min"),
        ("MeanSquaredError", "min"),
        ("val_accuracy", "max"),
        ("acc", "max"),
        ("val_top1_acc", "max"),
        ("acc5", "max"),
        ("roc_auc", "max"),
        ("val_auc_1", "max"),
        ("macro_f1", "max"),
        ("f1_macro", "max"),
        ("recall@5", "max"),
        ("val_r2", "max"),
        ("val_r2_score", "max"),
        ("R2Score", "max"),
        ("val_cosine_similarity", "max"),
        ("val_head_sparse_categorical_accuracy", "max"),
        ("reward", None),
        ("lossless", None),
        ("accumulated_cost", None),
        ("r2_penalty", None),
        ("", None),
        ("2", None),
    ],
)
def test_the_direction_of_a_name(name: str, mode: str | None) -> None:
    assert direction(name) == mode


@pytest.mark.parametrize("name", [*HIGHER, *LOWER, *ALIASES])
def test_every_name_of_the_table_has_one_direction(name: str) -> None:
    expected = "max" if ALIASES.get(name, name) in HIGHER else "min"
    assert direction(name) == direction(f"val_{name}") == direction(f"val_head_{name}_2") == expected
    assert (name in HIGHER) + (name in LOWER) + (name in ALIASES) == 1


def test_every_metric_of_keras_has_its_own_direction() -> None:
    """Those that keras.metrics can make without arguments, by their default names in the logs."""
    checked = 0
    for kind in vars(keras.metrics).values():
        if not (isinstance(kind, type) and issubclass(kind, keras.metrics.Metric)):
            continue
        try:
            metric = kind()
        except TypeError:
            continue
        known = {"up": "max", "down": "min"}.get(getattr(metric, "_direction", None) or "")
        if known is not None and kind is not keras.metrics.BinaryIoU:
            assert direction(f"val_{metric.name}") == known, metric.name
            checked += 1
    assert checked > 20


def test_a_plateau_knows_the_direction_of_every_metric_of_a_study() -> None:
    for name in (*HIGHER, *LOWER):
        rule = plateau(metric=f"val_{name}")
        assert rule.rule().sign == (-1 if name in HIGHER else 1)
        assert str(constant(0.1) * rule) == f'constant(0.1) * plateau(metric="val_{name}")'
