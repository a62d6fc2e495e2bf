"""Metrics that find one class, for a model with an output for each of two classes.

Keras flattens the two outputs of a row, so that each answer counts twice, once for either class: a recall of
both is the accuracy. Here they get the output of the second class alone, as a model with one output has it.
"""

from __future__ import annotations

from typing import Any

import keras

from stepsize.errors import ProblemError

FINDING = (
    keras.metrics.AUC, keras.metrics.BinaryIoU, keras.metrics.F1Score, keras.metrics.FalseNegatives,
    keras.metrics.FalsePositives, keras.metrics.FBetaScore, keras.metrics.Precision,
    keras.metrics.PrecisionAtRecall, keras.metrics.Recall, keras.metrics.RecallAtPrecision,
    keras.metrics.SensitivityAtSpecificity, keras.metrics.SpecificityAtSensitivity,
    keras.metrics.TrueNegatives, keras.metrics.TruePositives,
)  # fmt: skip
"""Keras' metrics that flatten the outputs of a row, or average over them."""


class OfSecondClass(keras.metrics.Metric):
    """A metric of Keras on the second of two columns of targets and predictions."""

    def __init__(self, metric: Any) -> None:
        super().__init__(name=metric.name)
        self.metric = metric

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count rows."""
        return self.metric.update_state(y_true[:, 1:], y_pred[:, 1:], sample_weight)

    def result(self) -> Any:
        """Return the metric's value."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Forget all rows."""
        self.metric.reset_state()


def of_second_class(metric: Any) -> Any:
    """Return a metric as it scores two outputs for two classes: on the second one, if it finds a class.

    A metric that names its class (`class_id=0`), that takes each output by itself (`multi_label=True`), or
    that compares the outputs of a row (an `F1Score` without a threshold) stays as it is.

    Raises: ProblemError for one that cannot be read that way.
    """
    if type(metric) not in FINDING or getattr(metric, "class_id", None) is not None:
        return metric
    if getattr(metric, "multi_label", False) or getattr(metric, "threshold", 0.5) is None:
        return metric
    name = type(metric).__name__
    if getattr(metric, "top_k", None) is not None:
        raise ProblemError(
            f"metric {metric.name!r}: with top_k, {name} counts the answers of both classes of a model with "
            "two outputs; name one as class_id=1, or leave top_k out"
        )
    if metric.get_config().get("from_logits"):
        raise ProblemError(
            f"metric {metric.name!r}: from_logits=True reads each of the two outputs by itself; leave "
            "it out, because logits become probabilities before they are scored"
        )
    return OfSecondClass(metric)
