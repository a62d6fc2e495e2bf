"""The table of directions: names as Keras, its logs and other people write them."""

from __future__ import annotations

import keras
import pytest
from sklearn.metrics import get_scorer_names

from stepsize.errors import ScheduleError
from stepsize.metric_directions import ALIASES, HIGHER, LOWER, contradicts, direction, is_share
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
        ("neg_log_loss", "max"),
        ("test_neg_mean_squared_error", "max"),
        ("negative_mae", "max"),
        ("top-5-acc", "max"),
        ("val_dense_1_accuracy", "max"),
        ("recall_at_precision", "max"),
        ("train_loss_epoch", "min"),
        ("loss/val", "min"),
        ("neg_loss", None),
        ("negative_sampling_loss", None),
        ("neg_accuracy", None),
        ("minus_loss", None),
        ("loss_drop", None),
        ("inaccuracy", None),
        ("accuracy_gap", None),
        ("one_minus_auc", None),
        ("1-auc", None),
        ("val_1-auc", None),
        ("-loss", None),
        ("acc_std", None),
        ("std_acc", None),
        ("auc_drop", None),
        ("recall_regret", None),
        ("val_accuracy_variance", None),
        ("accuracy_cost", None),
        ("time_to_accuracy", None),
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


def test_no_scorer_of_scikit_learn_is_read_the_wrong_way() -> None:
    """All of them are better high, those of errors by the sign in front of them."""
    known = {name: direction(name) for name in get_scorer_names()}
    assert set(known.values()) == {"max", None}
    assert all(known[name] == "max" for name in known if name.endswith(("_error", "log_loss")))
    assert known["roc_auc_ovr_weighted"] == known["average_precision"] == "max"


@pytest.mark.parametrize("name", [*HIGHER, *LOWER])
@pytest.mark.parametrize("made", ["{}_std", "{}_gap", "{}_variance", "std_{}", "minus_{}", "1-{}", "not_{}"])
def test_what_is_made_of_a_metric_has_no_known_direction(name: str, made: str) -> None:
    assert direction(made.format(name)) is None
    with pytest.raises(ScheduleError, match=r'write mode="min" or mode="max"'):
        plateau(metric=made.format(name))


@pytest.mark.parametrize("name", [*HIGHER, *LOWER])
def test_the_sign_in_front_of_an_error_is_read(name: str) -> None:
    assert direction(f"neg_{name}") == direction(f"val_neg_{name}") == ("max" if name in LOWER else None)
    assert contradicts(f"neg_{name}", "min") == (name in LOWER)
    assert not is_share(f"neg_{name}")
    assert is_share(f"val_{name}") == (name in HIGHER)


def test_a_plateau_knows_the_direction_of_every_metric_of_a_study() -> None:
    for name in (*HIGHER, *LOWER):
        rule = plateau(metric=f"val_{name}")
        assert rule.rule().sign == (-1 if name in HIGHER else 1)
        assert str(constant(0.1) * rule) == f'constant(0.1) * plateau(metric="val_{name}")'
