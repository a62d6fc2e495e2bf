"""The metric that scores a run: its name, its direction, whether it is a share, and the Keras object.

Everything but `make_metric` works without Keras, so that a study can be planned before Keras is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from stepsize.errors import ProblemError, first_line, unknown
from stepsize.metric_directions import HIGHER, LOWER, canonical_name, contradicts, lowest_share
from stepsize.problems.custom_objects import REGISTER, custom_objects, import_objects
from stepsize.problems.differences import differences, refusal
from stepsize.problems.keras_configs import config_of

KERAS_NAMES = {  # of metrics that Keras does not find by our name
    "f1_score": "F1Score", "fbeta_score": "FBetaScore", "logcosh": "LogCoshError", "r2": "R2Score",
}  # fmt: skip
MODES = ("max", "min")
ROUNDING = 1e-4  # by which a share in float32 may miss 0 or 1
OF_DIFFERENCES = (  # the metrics that depend on target and prediction by their difference alone
    "log_cosh_error", "logcosh", "mae", "mean_absolute_error", "mean_squared_error", "mse", "r2",
    "root_mean_squared_error",
)  # fmt: skip
OF_QUANTITIES = (  # the metrics that a regression may be scored by
    "concordance_correlation", "cosine_similarity", "kl_divergence", "logcosh", "mae", "mape",
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "pearson_correlation", "poisson", "r2",
    "root_mean_squared_error",
)  # fmt: skip

NEAR = 0.85  # how much of a misspelt name must agree; a metric of another library is no misspelling
OF_CLASSES = tuple(
    name for name in (*HIGHER, *LOWER) if name not in OF_QUANTITIES or name in ("mae", "mse", "poisson")
)  # the metrics that an unknown one may have been meant for


@dataclass(frozen=True)
class Metric:
    """A metric that has not been built: its `name`, whether higher is better, and how to build it.

    `share` is true if 1 is perfect, so that differences are shown in percentage points. `form` is Keras'
    config, or None if the name is enough; `custom` names the classes and functions in it that are not Keras'.
    """

    name: str
    higher_is_better: bool
    share: bool
    form: Mapping[str, Any] | None = None
    custom: Sequence[Sequence[str]] = ()

    @property
    def of_keras(self) -> str | None:
        """The name that Keras has for the metric, whatever the user calls it; None for one of the user's."""
        if self.custom:
            return None
        return self.name if self.form is None else canonical_name(str(self.form.get("class_name")))

    @property
    def is_exact_area(self) -> bool:
        """Whether it is the area under the ROC curve by its name; that of a Keras object has thresholds."""
        return self.name == "auc" and self.form is None

    @property
    def of_differences(self) -> bool:
        """Whether target and prediction may both be shifted without a change of the metric."""
        return self.of_keras in OF_DIFFERENCES


def metric_of(metric: Any, mode: str | None, kind: str) -> Metric:
    """Return the description of a Keras metric, from its name or object.

    None means accuracy, or R2 for quantities.

    `mode` ("max" or "min") is needed if Keras does not know which direction is better.

    Raises: ProblemError for unknown names and modes, and for metrics without a direction.

    >>> metric_of(None, None, "regression")
    Metric(name='r2', higher_is_better=True, share=True, form=None, custom=())
    >>> metric_of("mae", None, "regression").higher_is_better
    False
    """
    if mode is not None and mode not in MODES:
        raise ProblemError(unknown("mode", str(mode), MODES))
    if metric is None:
        metric = "r2" if kind == "regression" else "accuracy"
    if isinstance(metric, str):
        name = canonical_name(metric)
        if name not in (*HIGHER, *LOWER):
            raise ProblemError(_unknown_metric(metric, kind))
        if kind == "regression" and name not in OF_QUANTITIES:
            raise ProblemError(f"metric={metric!r} needs classes, but the target is a quantity; use 'r2'")
        up = name in HIGHER
        if contradicts(name, mode):
            raise ProblemError(_contradiction(metric, up, mode))
        return Metric(name, up, up)
    if not hasattr(metric, "update_state"):
        raise ProblemError(
            f"metric={metric!r} must be the name of a Keras metric, such as 'auc', or a Keras metric object; "
            "wrap a function as keras.metrics.MeanMetricWrapper(function)"
        )
    import keras

    is_keras = getattr(keras.metrics, type(metric).__name__, None) is type(metric)
    known = getattr(metric, "_direction", None) if is_keras else None  # a subclass may turn it around
    direction = {"max": "up", "min": "down"}.get(mode or "", known)
    if known not in (None, direction):
        raise ProblemError(_contradiction(metric.name, known == "up", mode))
    if direction is None:
        raise ProblemError(
            f"metric {metric.name!r}: Keras does not know whether higher is better; add mode='max' or "
            "mode='min'"
        )
    share = is_keras and canonical_name(type(metric).__name__) in HIGHER
    form = config_of(metric)
    custom = custom_objects(f"metric {metric.name!r}", form, getattr(metric, "_fn", None))
    found = Metric(metric.name, direction == "up", share, form, custom)
    for difference in differences(metric, make_metric(found, "binary", 1)):
        way_out = "pass an object of a class of your own, in a module, whose get_config() holds it"
        raise refusal(f"metric {metric.name!r}", difference, way_out)
    return found


def check_share(metric: Metric, score: float) -> None:
    """Raise ProblemError for the score of a share that is none, such as a percentage.

    >>> check_share(Metric("accuracy", True, share=True), 0.9)
    """
    lowest = lowest_share(metric.of_keras or metric.name)
    if metric.share and not lowest - ROUNDING <= score <= 1 + ROUNDING:
        where = "at most 1" if lowest < 0 else "from 0 to 1"
        raise ProblemError(
            f"metric {metric.name!r} returned {score:g}, which is not a share; return a number {where}"
        )


def _unknown_metric(name: str, kind: str) -> str:
    """Return the message that a metric is not known, with all that are; a near miss is named.

    >>> _unknown_metric("balanced_accuracy", "binary")[:68]
    "unknown metric 'balanced_accuracy'; use one of accuracy, auc, binary"
    """
    import difflib  # imported lazily: needed on the error path only

    known = sorted(OF_QUANTITIES if kind == "regression" else OF_CLASSES)
    near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
    hint = f"did you mean {near[0]!r}? There are" if near else "use one of"
    rare = "" if kind == "regression" else "; for rare classes, use 'auc' or 'f1_score'"
    return f"unknown metric {name[:60]!r}; {hint} {', '.join(known)}{rare}"


def _contradiction(name: str, is_better_high: bool, mode: str | None) -> str:
    which = "high" if is_better_high else "low"
    return f"metric={name!r} is better {which}, so mode={mode!r} would choose the worst; leave mode out"


def metric_names(metrics: Any) -> list[str]:
    """Return the names of the metrics that a model was compiled with, or that the config of a file holds.

    >>> metric_names(["mae", {"class_name": "AUC", "config": {"name": "auc"}}]), metric_names(None)
    (['mae', 'auc'], [])
    """
    if isinstance(metrics, Mapping) and "class_name" in metrics:
        config = metrics.get("config")
        name = str(config.get("name") if isinstance(config, Mapping) else config)
        return [_without_number(name, str(metrics["class_name"]))]
    if isinstance(metrics, Mapping):
        metrics = list(metrics.values())
    if isinstance(metrics, list | tuple):
        return [name for each in metrics for name in metric_names(each)]
    if isinstance(metrics, str):
        return [canonical_name(metrics)]
    name = getattr(metrics, "name", getattr(metrics, "__name__", None))
    return [] if name is None else [_without_number(str(name), type(metrics).__name__)]


def _without_number(name: str, class_name: str) -> str:
    """Return the name of a metric without the number that Keras adds to the second of a class, recall_1."""
    usual = canonical_name(class_name)
    return usual if re.fullmatch(rf"{re.escape(usual)}_\d+", name) else name


def make_metric(metric: Metric, kind: str, width: int) -> Any:
    """Build the Keras metric for targets of `kind` and a model of `width` outputs."""
    import keras

    if metric.form is not None:
        form, objects = deepcopy(dict(metric.form)), import_objects(metric.custom)
        if form["config"].get("name") in objects:
            del form["config"]["name"]  # Keras would replace a name that is also a function's by the function
        try:
            with keras.saving.custom_object_scope(objects):
                return keras.saving.deserialize_keras_object(form)
        except (TypeError, ValueError, ImportError, AttributeError) as error:
            raise ProblemError(
                f"metric {metric.name!r} cannot be rebuilt: {first_line(error)[:160]}; a class of your own "
                f"needs get_config() and {REGISTER}, in a module that can be imported"
            ) from error
    one_by_one = kind == "multilabel" or width == 1  # each output is an answer of its own
    if metric.name != "accuracy":
        name = KERAS_NAMES.get(metric.name, metric.name)
        if name in ("F1Score", "FBetaScore"):  # a score must be one number
            is_one = one_by_one or kind == "binary"  # None: the largest output of a row is its answer
            threshold = 0.5 if is_one else None
            return getattr(keras.metrics, name)(average="macro", threshold=threshold)
        return keras.metrics.get(name)
    return keras.metrics.BinaryAccuracy() if one_by_one else keras.metrics.SparseCategoricalAccuracy()
